#include "ranef/bootstrap.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace ranef {

namespace {

/// How long the calling thread sleeps between reports of progress.
constexpr std::chrono::milliseconds kReportInterval(50);

/// Ends a fit whose bootstrap has been stopped.
struct Stopped {};

class Run {
 public:
  Run(const Model& model, Layouts& layouts, const Truth& truth, const BootstrapRequest& request,
      const std::function<void(Index, Replicate&&)>& receive)
      : model_(&model),
        layouts_(&layouts),
        request_(&request),
        receive_(&receive),
        values_(truth.values),
        simulator_(model, truth) {}

  void work() {
    try {
      for (Index i = next_++; i < request_->count && !stop_; i = next_++) {
        (*receive_)(i, replicate(i));
        ++done_;
      }
    } catch (const Stopped&) {
      // The calling thread knows why.
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
      stop_ = true;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    --working_;
    changed_.notify_all();
  }

  void run() {
    const int count = static_cast<int>(std::max<Index>(1, std::min<Index>(request_->threads, request_->count)));
    working_ = count;
    std::vector<std::thread> threads;
    for (int t = 0; t < count; ++t) threads.emplace_back([this] { work(); });
    std::exception_ptr interrupted;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      while (!changed_.wait_for(lock, kReportInterval, [this] { return working_ == 0; })) {
        if (interrupted || !request_->progress) continue;
        lock.unlock();
        try {
          request_->progress(done_);
        } catch (...) {
          interrupted = std::current_exception();
          stop_ = true;
        }
        lock.lock();
      }
    }
    for (std::thread& thread : threads) thread.join();
    if (interrupted) std::rethrow_exception(interrupted);
    if (error_) std::rethrow_exception(error_);
  }

 private:
  Replicate replicate(Index i) {
    Replicate out;
    Rng rng(request_->seed, static_cast<std::uint64_t>(request_->first + i));
    out.response = simulator_.draw(rng);
    FitRequest fit_request;
    fit_request.options = request_->options;
    fit_request.fixed = request_->fixed;
    if (request_->start_at_estimate || !request_->fixed.empty()) fit_request.start = values_;
    fit_request.poll = [this] {
      if (stop_) throw Stopped();
    };
    fit_request.progress = [this](int, double, double) {
      if (stop_) throw Stopped();
    };
    try {
      out.fit = fit(model_->with_response(out.response), *layouts_, fit_request);
      if (out.fit.termination == Termination::no_start)
        out.error = out.fit.failure.empty() ? "the likelihood has no value where the fit starts" : out.fit.failure;
    } catch (const std::exception& error) {
      out.error = error.what();
    }
    return out;
  }

  const Model* model_;
  Layouts* layouts_;
  const BootstrapRequest* request_;
  const std::function<void(Index, Replicate&&)>* receive_;
  Vector values_;
  Simulator simulator_;
  std::atomic<Index> next_{0}, done_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  int working_ = 0;
  std::exception_ptr error_;
};

}  // namespace

void bootstrap(const Model& model, Layouts& layouts, const Truth& truth, const BootstrapRequest& request,
               const std::function<void(Index, Replicate&&)>& receive) {
  Run(model, layouts, truth, request, receive).run();
}

}  // namespace ranef
