#include "gantry/dispatch/work_queue.h"

#include <pthread.h>

#include <utility>

#include "gantry/base/format.h"

namespace gantry::dispatch {

WorkQueue::WorkQueue(std::string_view name, std::size_t threads, std::size_t capacity,
                     const ThreadStart& start)
    : capacity_(capacity), idle_threads_(threads) {
  threads_.reserve(threads);
  try {
    for (std::size_t i = 0; i < threads; ++i) {
      Sleeper& me = all_sleepers_.emplace_back();
      threads_.push_back(start([this, &me](const std::stop_token& stop) { serve(stop, me); }));
      // The kernel keeps 15 characters.
      const std::string thread_name = format_text("{}-{}", name.substr(0, 11), i);
      ::pthread_setname_np(threads_.back().native_handle(), thread_name.c_str());
    }
  } catch (...) {
    stop();  // a thread that sleeps already would not hear of its jthread's end
    throw;
  }
}

std::jthread WorkQueue::start_jthread(ThreadBody body) { return std::jthread(std::move(body)); }

WorkQueue::~WorkQueue() { stop(); }

void WorkQueue::stop() {
  std::list<Item> withdrawn;  // destroyed after the lock is gone: it holds foreign code
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    by_id_.clear();
    withdrawn.swap(waiting_);
    for (auto& thread : threads_) {
      thread.request_stop();
    }
    for (Sleeper* const sleeper : std::exchange(sleepers_, {})) {
      sleeper->is_called = true;
      sleeper->wake.notify_one();
    }
  }
  threads_.clear();  // joins
}

Result<WorkId> WorkQueue::submit(std::function<void()> work, std::function<void()> then) {
  std::list<Item> item;  // the node is made outside the lock
  item.push_back({.id = {}, .work = std::move(work), .then = std::move(then)});
  WorkId id{};
  Sleeper* called = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) {
      return fail(Code::unavailable, "shutting down: no new requests are taken");
    }
    // What idle threads are about to take does not wait.
    if (waiting_.size() >= capacity_ + idle_threads_) {
      return fail(Code::resource_exhausted,
                  format_text("the queue is full: {} requests wait already", capacity_));
    }
    id = WorkId{next_id_++};
    item.front().id = id;
    waiting_.splice(waiting_.end(), item);
    by_id_.emplace(std::to_underlying(id), std::prev(waiting_.end()));
    if (!sleepers_.empty()) {
      called = sleepers_.back();
      sleepers_.pop_back();
      called->is_called = true;
    }
  }
  if (called != nullptr) {
    called->wake.notify_one();  // without the lock, which the woken thread wants at once
  }
  return id;
}

bool WorkQueue::run_here(const std::function<void()>& work) {
  {
    const std::scoped_lock lock(mutex_);
    if (closed_ || !waiting_.empty()) {
      return false;
    }
    ++running_;
  }
  work();
  const std::scoped_lock lock(mutex_);
  one_less_runs();
  return true;
}

bool WorkQueue::withdraw(WorkId id) {
  std::list<Item> item;  // destroyed after the lock is gone
  const std::scoped_lock lock(mutex_);
  const auto found = by_id_.find(std::to_underlying(id));
  if (found == by_id_.end()) {
    return false;
  }
  item.splice(item.end(), waiting_, found->second);
  by_id_.erase(found);
  if (waiting_.empty() && running_ == 0) {
    idle_.notify_all();
  }
  return true;
}

void WorkQueue::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
}

bool WorkQueue::drain(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const auto is_idle = [&] { return waiting_.empty() && running_ == 0; };
  if (deadline.is_never()) {
    idle_.wait(lock, is_idle);
    return true;
  }
  return idle_.wait_until(lock, deadline.time(), is_idle);
}

std::size_t WorkQueue::waiting() const {
  const std::scoped_lock lock(mutex_);
  return waiting_.size() > idle_threads_ ? waiting_.size() - idle_threads_ : 0;
}

std::size_t WorkQueue::running() const {
  const std::scoped_lock lock(mutex_);
  return running_;
}

void WorkQueue::serve(const std::stop_token& stop, Sleeper& me) {
  std::unique_lock lock(mutex_);
  while (wait_for_work(lock, stop, me)) {
    std::list<Item> item;
    item.splice(item.end(), waiting_, waiting_.begin());
    by_id_.erase(std::to_underlying(item.front().id));
    ++running_;
    --idle_threads_;
    lock.unlock();
    item.front().work();
    lock.lock();
    ++idle_threads_;
    lock.unlock();
    if (item.front().then) {
      item.front().then();
    }
    item.clear();  // what the work held goes before it counts as done
    lock.lock();
    one_less_runs();
  }
}

bool WorkQueue::wait_for_work(std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                              Sleeper& me) {
  while (waiting_.empty() && !stop.stop_requested()) {
    me.is_called = false;
    sleepers_.push_back(&me);
    me.wake.wait(lock, [&] { return me.is_called; });  // and taken out of them
  }
  return !waiting_.empty();
}

void WorkQueue::one_less_runs() {
  --running_;
  if (waiting_.empty() && running_ == 0) {
    idle_.notify_all();
  }
}

}  // namespace gantry::dispatch
