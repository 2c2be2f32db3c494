// Runs rows of the specification's tables with TensorFlow Lite on the CPU and through Mesa's
// delegate.
//   run_row list                         the rows, and the rules that keep what is wrong off the
//   NPU run_row LIBRARY alone|guarded ROW…   one line of JSON for each, before the next one begins
// A row that TensorFlow Lite or our own reader refuses has an "error".
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "gantry/base/format.h"
#include "gantry/npu/rules.h"
#include "gantry/tflite/delegate.h"
#include "rows.h"
#include "trial.h"

namespace gantry::npu_test {
namespace {

using Json = nlohmann::ordered_json;

void list() {
  for (const Row& row : rows()) {
    print_line("{}", Json{{"row", row.name},
                          {"section", row.section},
                          {"rule", row.rule},
                          {"26.1", alone_name(row.mesa_26_1)},
                          {"26.2", alone_name(row.mesa_26_2)}}
                         .dump());
  }
  for (const npu::Rule& rule : npu::rules()) {
    if (rule.verdict == npu::Verdict::wrong || rule.verdict == npu::Verdict::crash) {
      print_line("{}", Json{{"keeps_off", rule.id}}.dump());
    }
  }
}

int run(std::span<char*> words) {
  if (words.size() == 2 && std::string_view(words[1]) == "list") {
    list();
    return 0;
  }
  if (words.size() < 4) {
    print_line(stderr, "run_row: want list, or LIBRARY alone|guarded ROW…");
    return 2;
  }
  const std::filesystem::path library = words[1];
  const auto delegate = tflite::Delegate::load(library);
  if (!delegate) {
    print_line(stderr, "run_row: {}", delegate.error().message);
    return 1;
  }
  for (const std::string_view name : words.subspan(3)) {
    const auto row = std::ranges::find(rows(), name, &Row::name);
    if (row == rows().end()) {
      print_line(stderr, "run_row: there is no row {}", name);
      return 2;
    }
    const auto trial = try_graph(
        library, *delegate, *row->build(),
        {.is_guarded = std::string_view(words[2]) != "alone", .parameters = row->parameters});
    Json result = {{"row", name}};
    if (trial) {
      Json found = Json::array();
      for (const npu::Placement& placement : trial->guarded.classification.operators) {
        for (const npu::Finding& finding : placement.findings) {
          found.push_back(finding.rule->id);
        }
      }
      result["delegated"] = trial->delegated;
      result["steps"] = std::min(trial->largest, 1e30);
      result["right"] = trial->largest <= most_steps;
      result["rules"] = std::move(found);
    } else {
      result["error"] = trial.error().message;
    }
    print_line("{}", result.dump(-1, ' ', false, Json::error_handler_t::replace));
    std::fflush(stdout);  // what comes next may be the end
  }
  return 0;
}

}  // namespace
}  // namespace gantry::npu_test

int main(int argc, char** argv) {
  return gantry::npu_test::run_program("run_row", gantry::npu_test::run,
                                       {argv, static_cast<std::size_t>(argc)});
}
