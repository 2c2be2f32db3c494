#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "body.h"
#include "gantry/http/message.h"

namespace gantry::http {

class Connection;
class Loop;

/// The exchange that handlers see. It has only a weak pointer to its connection, and uses it only
/// on the loop's thread. So no other thread ever owns a socket, and an exchange may outlive the
/// server.
class ConnectionExchange final : public Exchange,
                                 public std::enable_shared_from_this<ConnectionExchange> {
 public:
  ConnectionExchange(std::shared_ptr<Loop> loop, std::weak_ptr<Connection> connection,
                     Request request, BodyLease lease);
  /// Answers 500 if there was no answer.
  ~ConnectionExchange() override;
  ConnectionExchange(const ConnectionExchange&) = delete;
  ConnectionExchange& operator=(const ConnectionExchange&) = delete;

  Request& request() noexcept override { return request_; }
  void respond(Response response, std::function<void(Clock::duration)> written) override;
  void on_disconnect(std::function<void()> gone) override;
  void on_deadline(Deadline deadline, std::function<void()> late) override;

 private:
  /// Runs `work` on the loop's thread, unless the answer comes first. `work` gets null if the
  /// connection is gone.
  template <class Work>
  void on_loop(Work work);

  std::shared_ptr<Loop> loop_;
  std::weak_ptr<Connection> connection_;
  BodyLease lease_;  // held as long as the body's bytes are
  Request request_;
  std::atomic<bool> responded_ = false;
};

}  // namespace gantry::http
