// Lets other threads run code on the JavaScript thread while it waits for the autograd engine.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>

namespace edgeai {

class CallbackPump {
 public:
  // On any other thread: runs `work` on the serving thread and waits for it. What it throws is thrown here.
  void run(const std::function<void()>& work) {
    Request request{work, nullptr, false};
    std::unique_lock<std::mutex> lock(mutex_);
    requests_.push_back(&request);
    changed_.notify_all();
    changed_.wait(lock, [&] { return request.done; });
    if (request.error) std::rethrow_exception(request.error);
  }

  // On the JavaScript thread: serves requests until `finish` is called.
  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return finished_ || !requests_.empty(); });
      if (requests_.empty()) return;
      Request* request = requests_.front();
      requests_.pop_front();
      lock.unlock();
      try {
        request->work();
      } catch (...) {
        request->error = std::current_exception();
      }
      lock.lock();
      request->done = true;
      changed_.notify_all();
    }
  }

  void finish() {
    std::lock_guard<std::mutex> lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }

 private:
  struct Request {
    const std::function<void()>& work;
    std::exception_ptr error;
    bool done = false;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request*> requests_;
  bool finished_ = false;
};

}  // namespace edgeai
