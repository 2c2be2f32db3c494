#include "exchange.h"

#include <utility>

#include "connection.h"
#include "loop.h"

namespace gantry::http {

ConnectionExchange::ConnectionExchange(std::shared_ptr<Loop> loop,
                                       std::weak_ptr<Connection> connection, Request request,
                                       BodyLease lease)
    : loop_(std::move(loop)),
      connection_(std::move(connection)),
      lease_(std::move(lease)),
      request_(std::move(request)) {}

// NOLINTNEXTLINE(bugprone-exception-escape): without memory for the post the program may end
ConnectionExchange::~ConnectionExchange() {
  if (!responded_.load(std::memory_order_acquire)) {
    // Posted even on the loop's thread: we may be in the middle of an exception.
    loop_->post([connection = std::move(connection_)] {
      if (const auto alive = connection.lock()) {
        alive->abandoned();
      }
    });
  }
}

void ConnectionExchange::respond(Response response, std::function<void(Clock::duration)> written) {
  if (responded_.exchange(true, std::memory_order_acq_rel)) {
    return;
  }
  if (loop_->is_this_thread()) {
    if (const auto alive = connection_.lock()) {
      alive->respond(std::move(response), std::move(written));
    }
    return;
  }
  loop_->post([connection = connection_, response = std::move(response),
               written = std::move(written)]() mutable {
    if (const auto alive = connection.lock()) {
      alive->respond(std::move(response), std::move(written));
    }
  });
}

template <class Work>
void ConnectionExchange::on_loop(Work work) {
  // Looked at again on the loop's thread: an answer may come first from here to there, and the
  // connection may have gone on to its next exchange.
  auto unless_responded = [weak = weak_from_this(), work = std::move(work)]() mutable {
    const auto self = weak.lock();
    if (self && !self->responded_.load(std::memory_order_acquire)) {
      work(self->connection_.lock().get());
    }
  };
  if (loop_->is_this_thread()) {
    unless_responded();
  } else {
    loop_->post(std::move(unless_responded));
  }
}

void ConnectionExchange::on_disconnect(std::function<void()> gone) {
  on_loop([gone = std::move(gone)](Connection* connection) mutable {
    if (connection != nullptr) {
      connection->on_disconnect(std::move(gone));
    } else {
      gone();
    }
  });
}

void ConnectionExchange::on_deadline(Deadline deadline, std::function<void()> late) {
  if (deadline.is_never()) {
    return;
  }
  on_loop([deadline, late = std::move(late)](Connection* connection) mutable {
    if (connection != nullptr) {
      connection->on_deadline(deadline, std::move(late));
    }
  });
}

}  // namespace gantry::http
