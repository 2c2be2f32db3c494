#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/base/sealed_bytes.h"
#include "gantry/tensor/tensor.h"
#include "gantry/tflite/delegate.h"

namespace gantry::tflite {

/// TensorFlow Lite's version, "2.14.1".
[[nodiscard]] std::string runtime_version();

/// A loaded model: the file's bytes and TensorFlow Lite's view of them, shared by sessions.
/// Hand it only bytes that model_file::read_model accepted: TensorFlow Lite checks less.
/// Threads: thread-safe.
class Model {
 public:
  /// Shares the bytes. Errors: invalid_argument with TensorFlow Lite's own words.
  [[nodiscard]] static Result<std::shared_ptr<const Model>> create(SealedBytes file);
  /// create() with bytes in ordinary memory.
  [[nodiscard]] static Result<std::shared_ptr<const Model>> create(std::vector<std::byte> bytes);
  ~Model();
  /// The file's bytes, valid as long as this object.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

 private:
  friend class Session;
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  static Result<std::shared_ptr<const Model>> build(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct SessionOptions {
  int threads = 1;       ///< for TensorFlow Lite's own kernels, at least 1
  bool profile = false;  ///< record the time of each operator
  /// The delegates are asked in this order. TensorFlow Lite's own kernels compute the operators
  /// that none takes. A delegate that is offered no operator is not called at all. The session
  /// keeps the delegates.
  std::vector<Delegation> delegations = {};
};

/// Time that one operator took, summed over the invokes since the last reset.
struct OperatorTime {
  std::int32_t index = 0;  ///< in the order of execution
  std::string name;        ///< TensorFlow Lite's name, "CONV_2D"
  Clock::duration total{};
  std::int64_t count = 0;
};

/// One interpreter with its tensors. Threads: one thread at a time; any thread.
class Session {
 public:
  /// Builds the interpreter, allocates its tensors and sets the inputs to zero bytes.
  /// Errors: invalid_argument if TensorFlow Lite refuses the model (unknown custom operator, wrong
  ///         shapes), in its own words; unimplemented for inputs that are no numbers (strings).
  ///         resource_exhausted if the system has less memory than the graph needs. (With Linux's
  ///         memory overcommitment the process may be killed later instead: run foreign models in a
  ///         trial first.)
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(std::shared_ptr<const Model> model,
                                                               SessionOptions options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// The state after create() or the last invoke(): invoke() may change the output shapes of
  /// dynamic models.
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const;
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const;

  /// What each of SessionOptions::delegations took, in the same order.
  [[nodiscard]] std::vector<Delegated> delegated() const;

  /// The input tensor's memory, to be written before every invoke(): the graph may reuse it.
  /// Index < inputs().size().
  [[nodiscard]] std::span<std::byte> input(std::size_t index);
  /// The output tensor's memory, valid until the next invoke(). Index < outputs().size().
  [[nodiscard]] std::span<const std::byte> output(std::size_t index) const;

  /// Runs the graph. Success means that TensorFlow Lite found no error. It does not mean that a
  /// delegate's device computed the right values.
  /// Errors: unavailable with TensorFlow Lite's own words; resource_exhausted as create().
  [[nodiscard]] Result<> invoke();

  [[nodiscard]] std::vector<OperatorTime> operator_times() const;
  void reset_operator_times();

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::tflite
