// Drops records that hold one of some texts, and masks passwords.
#include "kit/logsieve.hpp"

using namespace logsieve;

class MyFilter {
 public:
  // Settings: `drop`, a list of texts; a record that holds one is not forwarded.
  Result configure(Settings settings) {
    settings.read("drop", drop_);
    return settings.finish();
  }

  void record(Record record) {
    for (const auto &text : drop_)
      if (record.text().contains(text)) return record.discard();
    mask(record);
  }

 private:
  // Puts stars in place of whatever stands behind `password=`.
  static void mask(Record record) {
    constexpr Text kWord = "password=", kEnds = " &\"\t";
    const Text text = record.text();
    for (auto at = text.find(kWord); at != Text::npos; at = text.find(kWord, at)) {
      const auto start = at + kWord.size();
      at = std::min(text.find_first_of(kEnds, start), text.size());
      if (at == start) continue;
      record.splice(start, at, "***");
      count("passwords");
    }
  }

  std::vector<std::string> drop_ = {"GET /healthz"};
};

LOGSIEVE_FILTER(MyFilter)
