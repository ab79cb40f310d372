#pragma once
// The smallest test harness: checks that count and report failures with their place, and sentences that group them.
//
//     int main() {
//       run("the sum of two jets is the jet of the sum", [] { check(1 + 1 == 2, "arithmetic"); });
//       return finish();
//     }

#include <cstdio>
#include <exception>
#include <string>

namespace ranef::test {

struct Tally {
  int checks = 0;
  int failures = 0;
  std::string sentence;
};

inline Tally& tally() {
  static Tally instance;
  return instance;
}

inline void check(bool holds, const std::string& what, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  constexpr int most_reported = 50;
  ++tally().checks;
  if (holds) return;
  if (++tally().failures > most_reported) return;
  std::printf("%s:%d: %s: %s\n", file, line, tally().sentence.c_str(), what.c_str());
}

/// Runs a test named by a sentence; an exception that escapes it is a failure.
template <class Test>
void run(const std::string& sentence, Test test) {
  tally().sentence = sentence;
  const int before = tally().checks;
  try {
    test();
  } catch (const std::exception& error) {
    check(false, std::string("threw ") + error.what());
  }
  if (tally().checks == before) check(false, "made no check");
}

/// True where `action` throws an `Expected`.
template <class Expected, class Action>
bool throws(Action action) {
  try {
    action();
  } catch (const Expected&) {
    return true;
  }
  return false;
}

/// Prints the tally; the exit status of main.
inline int finish() {
  std::printf("%d checks, %d failures\n", tally().checks, tally().failures);
  return tally().failures == 0 && tally().checks > 0 ? 0 : 1;
}

}  // namespace ranef::test
