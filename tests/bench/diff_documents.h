// The documents that tests/bench measures the diff engine on: made here, so that a number
// can be measured again anywhere.
#pragma once

#include <string>

namespace shadowtap::bench {

// An API-like answer of about 10.4 KB: 83 items, 168 objects, short strings, many numbers.
// `stamp` and `last` differ where two timestamps are to differ. `exact`: with one integer
// beyond 2^63 and decimals that no double holds.
inline std::string api_document(const char* stamp, const char* last, bool exact = false) {
  std::string text = "{\"meta\":{\"generatedAt\":\"";
  text += stamp;
  text += "\",\"count\":83,\"next\":null},\"items\":[";
  for (int i = 0; i < 83; ++i) {
    if (i > 0) text += ',';
    const std::string n = std::to_string(i);
    text += "{\"id\":" + std::to_string(100000 + i * 37) + ",\"name\":\"product " + n +
            "\",\"price\":" + std::to_string(10 + i) + "." + std::to_string(i % 10) +
            "9,\"stock\":" + std::to_string(i * 3 % 17) + ",\"active\":" +
            (i % 3 == 0 ? "true" : "false") + ",\"dims\":{\"w\":" + std::to_string(i % 9) +
            ".5,\"h\":12,\"d\":" + std::to_string(i % 7) + "},\"tags\":[\"new\",\"t" +
            std::to_string(i % 5) + "\"]" +
            (i == 32 && exact ? ",\"serial\":18446744073709551617,\"ratio\":0.12345678901234567891"
                              : "") +
            (i == 82 ? std::string(",\"updated\":\"") + last + "\"" : "") + "}";
  }
  return text + "]}";
}

// `size` small objects; `first`: one more at the front.
inline std::string array_document(int size, bool first) {
  std::string text = "[";
  if (first) text += "{\"id\":-1,\"name\":\"inserted\",\"score\":0.5}";
  for (int i = 0; i < size; ++i) {
    if (text.size() > 1) text += ',';
    text += "{\"id\":" + std::to_string(i) + ",\"name\":\"element " + std::to_string(i) +
            "\",\"score\":" + std::to_string(i % 100) + ".25}";
  }
  return text + "]";
}

}  // namespace shadowtap::bench
