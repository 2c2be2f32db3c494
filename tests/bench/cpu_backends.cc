#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/format.h"
#include "gantry/base/sealed_bytes.h"
#include "gantry/graph/graph.h"
#include "gantry/tflite/session.h"
#include "gantry/xnnpack/backend.h"
#include "xnnpack_direct.h"

// TensorFlow Lite's kernels, XNNPACK through this project and XNNPACK straight, on the same network
// in one run: invokes alternate, so that whatever else the machine does meets them all.
//   cpu_backends MODEL.tflite… [--rounds N]
namespace gantry::bench {
namespace {

struct Subject {
  std::string name;
  std::function<bool()> invoke;
  std::vector<double> wall_ms;
  std::vector<double> cpu_ms;  ///< of this thread: what others take from it is not counted
};

double thread_cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (static_cast<double>(now.tv_sec) * 1e3) + (static_cast<double>(now.tv_nsec) * 1e-6);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}
double least(const std::vector<double>& values) { return std::ranges::min(values); }

/// Pages that only this process has, in bytes.
std::size_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t pages = 0;
  statm >> size >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void fill(tflite::Session& session) {
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < session.inputs().size(); ++i) {
    if (session.inputs()[i].dtype == DType::float32) {
      continue;  // zeros: floats take the same time whatever they are, but for denormals
    }
    std::ranges::generate(session.input(i), [&] {
      state = (state * 1664525U) + 1013904223U;
      return static_cast<std::byte>(state >> 24U);
    });
  }
}

int measure(const std::filesystem::path& path, int rounds) {
  auto file = SealedBytes::read(path, std::size_t{1} << 30U);
  if (!file) {
    print_line(stderr, "{}", file.error().message);
    return 1;
  }
  auto model = tflite::Model::create(*std::move(file));
  if (!model) {
    print_line(stderr, "{}", model.error().message);
    return 1;
  }
  print_line("{}", path.filename().string());
  auto graph = graph::read_graph((*model)->bytes());
  auto backend = graph ? xnnpack::Backend::create(*std::move(graph))
                       : Result<std::shared_ptr<xnnpack::Backend>>(std::unexpected(graph.error()));
  if (!backend) {
    print_line(stderr, "{}", backend.error().message);
    return 1;
  }
  std::vector<std::unique_ptr<tflite::Session>> sessions;
  std::vector<std::unique_ptr<Direct>> directs;
  std::vector<Subject> subjects;
  const auto add = [&](std::string name, bool fast, int threads) {
    const std::size_t before = resident();
    tflite::SessionOptions options{.threads = threads};
    if (fast) {
      options.delegations = {(*backend)->delegation(threads)};
    }
    auto session = tflite::Session::create(*model, std::move(options));
    if (!session) {
      print_line(stderr, "{}", session.error().message);
      return;
    }
    fill(**session);
    static_cast<void>((*session)->invoke());
    print_line("  {:<22} {:>8.2f} MB more", name,
               (static_cast<double>(resident()) - static_cast<double>(before)) * 1e-6);
    sessions.push_back(*std::move(session));
    subjects.push_back({.name = std::move(name),
                        .invoke = [s = sessions.back().get()] { return s->invoke().has_value(); },
                        .wall_ms = {},
                        .cpu_ms = {}});
  };
  add("xnnpack, 1 thread", true, 1);
  add("xnnpack, second slot", true, 1);
  subjects.pop_back();
  add("xnnpack, 2 threads", true, 2);
  add("tflite, 1 thread", false, 1);
  add("tflite, 2 threads", false, 2);
  for (const int threads : {1, 2}) {
    if (auto direct = Direct::make((*model)->bytes(), threads)) {
      std::ranges::copy(sessions.front()->input(0), direct->input().begin());
      directs.push_back(std::move(direct));
      subjects.push_back({.name = threads == 1 ? "direct, 1 thread" : "direct, 2 threads",
                          .invoke = [d = directs.back().get()] { return d->invoke(); },
                          .wall_ms = {},
                          .cpu_ms = {}});
    }
  }
  const auto& choice = (*backend)->choice();
  print_line("  XNNPACK computes {} of {} operators in {} partitions, {:.2f} MB of packed weights",
             choice.taken_count(), choice.operators.size(), choice.partitions.size(),
             static_cast<double>((*backend)->packed_bytes()) * 1e-6);
  for (int round = 0; round < rounds; ++round) {
    for (Subject& subject : subjects) {
      static_cast<void>(subject.invoke());  // its own data are in the caches again
      const double cpu = thread_cpu_ms();
      const auto begin = Clock::now();
      if (!subject.invoke()) {
        print_line(stderr, "{} failed", subject.name);
        return 1;
      }
      subject.wall_ms.push_back(to_ms(Clock::now() - begin));
      subject.cpu_ms.push_back(thread_cpu_ms() - cpu);
    }
  }
  print_line("  {:<22} {:>10} {:>10} {:>12}", "ms", "median", "least", "least CPU");
  for (const Subject& subject : subjects) {
    print_line("  {:<22} {:>10.3f} {:>10.3f} {:>12.3f}", subject.name, median(subject.wall_ms),
               least(subject.wall_ms), least(subject.cpu_ms));
  }
  const auto ratio = [&](std::string_view a, std::string_view b, std::string_view text) {
    const auto find = [&](std::string_view name) {
      return std::ranges::find(subjects, name, &Subject::name);
    };
    const auto x = find(a);
    const auto y = find(b);
    if (x == subjects.end() || y == subjects.end()) {
      return;
    }
    std::vector<double> pairs;  // each with its neighbour in time
    for (std::size_t i = 0; i < x->wall_ms.size(); ++i) {
      pairs.push_back(x->wall_ms[i] / y->wall_ms[i]);
    }
    print_line("  {}: {:.2f} (median of pairs), {:.2f} (least), {:.2f} (least CPU)", text,
               median(pairs), least(x->wall_ms) / least(y->wall_ms),
               least(x->cpu_ms) / least(y->cpu_ms));
  };
  ratio("tflite, 1 thread", "xnnpack, 1 thread", "tflite : xnnpack, 1 thread");
  ratio("tflite, 2 threads", "xnnpack, 2 threads", "tflite : xnnpack, 2 threads");
  ratio("xnnpack, 1 thread", "direct, 1 thread", "xnnpack : direct, 1 thread");
  ratio("xnnpack, 2 threads", "direct, 2 threads", "xnnpack : direct, 2 threads");
  ratio("xnnpack, 1 thread", "xnnpack, 2 threads", "1 thread : 2 threads");
  return 0;
}

}  // namespace
}  // namespace gantry::bench

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  int rounds = 50;
  int result = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--rounds" && i + 1 < arguments.size()) {
      rounds = std::max(1, std::atoi(arguments[++i].c_str()));
    } else {
      result |= gantry::bench::measure(arguments[i], rounds);
    }
  }
  return result;
}
