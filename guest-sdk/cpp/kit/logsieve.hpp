// Filters for the logsieve agent, in C++20 and later. An author includes this header, writes a class,
// and names it:
//
//     struct DropDebug {
//       void record(logsieve::Record record) {
//         if (record.text().starts_with("DEBUG")) record.discard();
//       }
//     };
//     LOGSIEVE_FILTER(DropDebug)
//
// The class has one of two functions, and one more if it has settings:
//
//     void record(Record record);          // judges one record at a time
//     Result batch(Batch &batch);          // looks at neighbours, holds back, or uses patterns
//     Result configure(Settings settings); // the operator's settings; once, before the first batch
//
// Text is bytes: log lines need not be UTF-8, may hold NUL, and may be empty. What the kit hands out is
// valid until the function that it was handed to returns; what is handed to the kit is copied. What a
// filter keeps from one call to the next must not matter for what comes out: several instances run
// side by side. There are no exceptions: a failed `std::vector::at` ends the filter, and is logged.
#ifndef LOGSIEVE_HPP
#define LOGSIEVE_HPP

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logsieve.h"

namespace logsieve {

using Text = std::string_view;

inline Text text_of(ls_text text) { return {reinterpret_cast<const char *>(text.ptr), text.len}; }
inline ls_text c_text(Text text) { return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()}; }

// That all is well, or in words what is not.
class [[nodiscard]] Result {
 public:
  Result() = default;
  static Result error(std::string why) {
    Result result;
    result.why_ = std::move(why);
    return result;
  }
  explicit operator bool() const { return !why_; }
  const std::string &why() const { return *why_; }

 private:
  std::optional<std::string> why_;
};

enum class Stream { Stdout = 1, Stderr = 2 };

// One record: what is in it, and what shall become of it. A record that nothing is done to passes as it
// is, and costs nothing. Discarding beats replacing, and replacing beats splicing, in whatever order
// they are called; of several texts, times or routes the last counts.
class Record {
 public:
  Record(ls_batch *batch, std::size_t at) : batch_(batch), at_(at) {}

  // Its place in the batch, from 0.
  std::size_t at() const { return at_; }
  Text text() const { return text_of(ls_record(batch_, at_)); }
  // Nanoseconds since the Unix epoch.
  std::uint64_t time() const { return ls_time(batch_, at_); }
  Stream stream() const { return static_cast<Stream>(ls_stream(batch_, at_)); }

  // Does not forward the record. Records added to it are still forwarded.
  void discard() { ls_discard(batch_, at_); }
  void replace(Text text) { ls_replace(batch_, at_, c_text(text)); }
  // `text` in place of the bytes start..end, whatever was spliced before.
  void splice(std::size_t start, std::size_t end, Text text) { ls_splice(batch_, at_, start, end, c_text(text)); }
  // One more record after this one, with its stream, time and route.
  void add(Text text) { ls_add(batch_, at_, c_text(text)); }
  void set_time(std::uint64_t nanoseconds) { ls_set_time(batch_, at_, nanoseconds); }
  // Another destination, by its name; one of those that the operator lets this filter choose.
  void route(Text destination) { ls_route(batch_, at_, c_text(destination)); }

 private:
  ls_batch *batch_;
  std::size_t at_;
};

// Records of one container, in the order of its log: at least one.
class Batch {
 public:
  class Iterator {
   public:
    Iterator(ls_batch *batch, std::size_t at) : batch_(batch), at_(at) {}
    Record operator*() const { return {batch_, at_}; }
    Iterator &operator++() { return ++at_, *this; }
    bool operator!=(const Iterator &other) const { return at_ != other.at_; }

   private:
    ls_batch *batch_;
    std::size_t at_;
  };

  explicit Batch(ls_batch *batch) : batch_(batch) {}
  std::size_t size() const { return ls_count_records(batch_); }
  Record operator[](std::size_t at) { return {batch_, at}; }
  Iterator begin() { return {batch_, 0}; }
  Iterator end() { return {batch_, size()}; }
  // Nothing may be held back: the container is quiet or has ended.
  bool is_last() const { return ls_is_last(batch_); }
  // Shows the last `count` records again, in front of the next batch: their event is not complete yet.
  // Not when the batch is the last, and no held record may be changed.
  void hold(std::size_t count) { ls_hold(batch_, count); }

 private:
  ls_batch *batch_;
};

// Regular expressions, run by the agent at native speed. Compile them in `configure`.
class Patterns {
 public:
  Result compile(std::span<const std::string> expressions) {
    std::vector<ls_text> texts;
    for (const auto &expression : expressions) texts.push_back(c_text(expression));
    const char *why = ls_compile(&set_, texts.data(), texts.size());
    return why ? Result::error(why) : Result();
  }
  // Every match in the batch in hand: by record, then by place.
  std::span<const ls_found> find() const {
    const ls_found *found;
    const std::size_t count = ls_find_all(set_, &found);
    return {found, count};
  }
  // The records in which any pattern matches. Cheaper than `find`.
  std::span<const std::uint32_t> records() const {
    const std::uint32_t *records;
    const std::size_t count = ls_find_records(set_, &records);
    return {records, count};
  }

 private:
  ls_patterns set_{};
};

// A fact about the container that wrote the batch, by OpenTelemetry name: `k8s.pod.name`.
inline std::optional<Text> origin(const std::string &name) {
  ls_text value;
  if (!ls_origin(name.c_str(), &value)) return std::nullopt;
  return text_of(value);
}

enum class Level : char { Debug = 'd', Info = 'i', Warn = 'w', Error = 'e' };

// Writes to the agent's log: 10 messages a second.
inline void log(Level level, Text message) { ls_log(static_cast<char>(level), c_text(message)); }
// Adds to a counter, which the agent shows as a metric: `[a-z][a-z0-9_]*`, at most 32 names.
inline void count(const std::string &name, std::uint64_t by = 1) { ls_count(name.c_str(), by); }

// The operator's settings. A value keeps what it is where the setting is left out; what does not fit, and
// a setting that was not read at all, is told by `finish`.
class Settings {
 public:
  explicit Settings(const ls_settings *settings) : settings_(settings) {}

  void read(const char *key, bool &value) { note(key, ls_get_bool(settings_, key, &value), "true or false"); }
  void read(const char *key, double &value) { note(key, ls_get_number(settings_, key, &value), "a number"); }
  void read(const char *key, std::string &value) {
    ls_text text = c_text(value);
    const bool fits = ls_get_text(settings_, key, &text);
    note(key, fits, "a text");
    if (fits) value = std::string(text_of(text));
  }
  void read(const char *key, std::vector<std::string> &values) {
    constexpr std::size_t kTextsMax = 256;
    constexpr std::size_t kLeftOut = kTextsMax + 1;
    ls_text texts[kTextsMax];
    std::size_t count = kLeftOut;
    const bool fits = ls_get_texts(settings_, key, texts, kTextsMax, &count);
    note(key, fits, "a list of at most 256 texts");
    if (!fits || count == kLeftOut) return;
    values.clear();
    for (const ls_text &text : std::span(texts, count)) values.emplace_back(text_of(text));
  }

  Result finish() {
    known_.push_back(nullptr);
    ls_text key;
    if (!why_.empty()) return Result::error(why_);
    if (!ls_unknown_key(settings_, known_.data(), &key)) return {};
    return Result::error("settings: there is no `" + std::string(text_of(key)) + "`");
  }

 private:
  void note(const char *key, bool fits, const char *what) {
    known_.push_back(key);
    if (!fits && why_.empty()) why_ = std::string("settings: `") + key + "` is not " + what;
  }

  const ls_settings *settings_;
  std::vector<const char *> known_;
  std::string why_;
};

// What the agent calls comes here.
template <typename Filter>
const char *configure(Filter &filter, Settings settings) {
#ifndef __wasm__
  // In the agent an instance is configured once; in tests every run has a filter of its own.
  std::destroy_at(&filter);
  std::construct_at(&filter);
#endif
  Result result;
  if constexpr (requires { filter.configure(settings); })
    result = filter.configure(settings);
  else
    result = settings.finish();
  return result ? nullptr : ls_format("%t", c_text(result.why()));
}

template <typename Filter>
const char *process(Filter &filter, Batch batch) {
  if constexpr (requires { filter.batch(batch); }) {
    const Result result = filter.batch(batch);
    return result ? nullptr : ls_format("%t", c_text(result.why()));
  } else {
    for (Record record : batch) filter.record(record);
    return nullptr;
  }
}

}  // namespace logsieve

#ifdef __wasm__
// It lives as long as its module, and the code that would destroy it is left out.
#define LOGSIEVE_KEPT [[clang::no_destroy]]
#else
#define LOGSIEVE_KEPT
#endif

// Makes a class the filter of its module. Once, in one file.
#define LOGSIEVE_FILTER(Filter)                                                 \
  LOGSIEVE_KEPT static Filter logsieve_filter_of_this_module;                   \
  const char *filter_configure(const ls_settings *settings) {                   \
    return logsieve::configure(logsieve_filter_of_this_module, logsieve::Settings(settings)); \
  }                                                                             \
  const char *filter_batch(ls_batch *batch) {                                   \
    return logsieve::process(logsieve_filter_of_this_module, logsieve::Batch(batch)); \
  }

#endif
