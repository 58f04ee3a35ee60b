// A worked example that uses every call of the kit: it does to a record what its text says.
//
// Commands, with `; ` between them: `drop`, `replace X`, `splice 0..3 X`, `add X`, `set-time MS`,
// `route X`, `origin NAME`, `stream`, `time`, `count NAME`, `log X`, `fail X`. Other words do nothing.
// Settings: `patterns` marks every match, or with `drop_matching` drops the records that have one;
// `join` joins records that begin with a tab to the one before them.
#include <charconv>

#include "kit/logsieve.hpp"

using namespace logsieve;

// What stands before `separator`, and takes it and the separator away.
static Text take(Text &text, Text separator) {
  const auto end = std::min(text.find(separator), text.size());
  const Text taken = text.substr(0, end);
  text.remove_prefix(std::min(end + separator.size(), text.size()));
  return taken;
}

static std::uint64_t number(Text text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class MyFilter {
 public:
  Result configure(Settings settings) {
    std::vector<std::string> expressions;
    settings.read("patterns", expressions);
    settings.read("drop_matching", drop_matching_);
    settings.read("join", join_);
    if (Result result = settings.finish(); !result || expressions.empty()) return result;
    return patterns_.emplace().compile(expressions);
  }

  Result batch(Batch &batch) {
    if (join_) return join(batch), Result();
    if (patterns_) return mark(batch), Result();
    for (Record record : batch)
      if (Result result = obey_all(record); !result) return result;
    return {};
  }

 private:
  static Result obey_all(Record record) {
    Text text = record.text();
    do {
      if (Result result = obey(record, take(text, "; ")); !result) return result;
    } while (!text.empty());
    return {};
  }

  static Result obey(Record record, Text rest) {
    const Text name = take(rest, " ");
    if (name == "drop") record.discard();
    else if (name == "replace") record.replace(rest);
    else if (name == "splice") splice(record, rest);
    else if (name == "add") record.add(rest);
    else if (name == "set-time") record.set_time(number(rest) * 1'000'000);
    else if (name == "route") record.route(rest);
    else if (name == "origin") record.replace(origin(std::string(rest)).value_or("unknown"));
    else if (name == "stream") record.replace(record.stream() == Stream::Stdout ? "stdout" : "stderr");
    else if (name == "time") record.replace(std::to_string(record.time() / 1'000'000));
    else if (name == "count") count(std::string(rest));
    else if (name == "log") log(Level::Info, rest);
    else if (name == "fail") return Result::error(std::string(rest));
    return {};
  }

  static void splice(Record record, Text rest) {
    const auto start = number(take(rest, ".."));
    const auto end = number(take(rest, " "));
    record.splice(start, end, rest);
  }

  void mark(Batch &batch) const {
    if (drop_matching_)
      for (const auto at : patterns_->records()) batch[at].discard();
    else
      for (const auto &found : patterns_->find())
        batch[found.at].splice(found.start, found.end, "[" + std::to_string(found.pattern) + "]");
  }

  // The last event may go on in the next batch, so it is held until more comes, or nothing will.
  static void join(Batch &batch) {
    for (std::size_t start = 0, end; start < batch.size(); start = end) {
      for (end = start + 1; end < batch.size() && batch[end].text().starts_with('\t');) end++;
      if (end == batch.size() && !batch.is_last()) return batch.hold(end - start);
      if (end == start + 1) continue;
      std::string event(batch[start].text());
      for (std::size_t at = start + 1; at < end; at++) {
        event.append("|").append(batch[at].text().substr(1));
        batch[at].discard();
      }
      batch[start].replace(event);
    }
  }

  std::optional<Patterns> patterns_;
  bool drop_matching_ = false, join_ = false;
};

LOGSIEVE_FILTER(MyFilter)
