// How an options struct is described once and then read, printed and listed alike: each
// struct has one describe() that names its keys to a Fields. A reader sets the fields from
// a Node and complains with the place; a printer makes a Node of them.
//
// Plain calls on one thread; nothing outlives the call.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/time.h"

namespace shadowtap::config {

// A value that is one scalar in the text.
struct Scalar {
  std::function<std::string(std::string_view)> read;        // "" or what is wrong with it
  std::function<std::optional<std::string>()> print;        // nullopt: unset, not printed
  bool is_text = false;                                     // may need quotes
  std::function<std::string(std::string_view)> hide = nullptr;  // what is shown of a secret
};

class Fields {
 public:
  virtual ~Fields() = default;

  virtual void scalar(std::string_view key, const Scalar& scalar) = 0;
  // `present` false: not printed. Read only where the key is there.
  virtual void group(std::string_view key, bool present,
                     const std::function<void(Fields&)>& describe) = 0;

  // A list of maps, or a list whose items may be plain words: `word` then names the field
  // that the word sets, "" if only maps are right.
  struct List {
    std::function<void()> clear;
    std::function<std::size_t()> size;
    std::function<void(std::size_t, Fields&)> describe;  // grows to hold the index
    std::string_view word;
    bool only_words = false;  // the items are printed as words too
  };
  virtual void list(std::string_view key, const List& list) = 0;

  // A map of free keys to words (header names to values).
  struct Words {
    std::function<void()> clear;
    std::function<std::string(const std::string&, const std::string&)> add;  // or what is wrong
    std::function<std::vector<std::pair<std::string, std::string>>()> all;
    std::function<bool(const std::string&)> secret;
  };
  virtual void words(std::string_view key, const Words& words) = 0;

  // Whether the value of `key` is a single word where both that and a list are right;
  // a printer gives `now` back.
  virtual bool is_word(std::string_view key, bool now) const = 0;

  // After the fields: the key must be there. Complains where the map begins.
  virtual void require(std::string_view key) = 0;
  // The struct as a whole is wrong, at `key` if that is there, else where it begins.
  virtual void complain(std::string_view key, const std::string& sentence) = 0;
};

// Fields by type.
void field(Fields& f, std::string_view key, std::string& out);
void field(Fields& f, std::string_view key, bool& out);
void field(Fields& f, std::string_view key, Duration& out);
void field(Fields& f, std::string_view key, std::optional<Duration>& out);
void positive(Fields& f, std::string_view key, Duration& out);  // more than nothing
void field(Fields& f, std::string_view key, std::vector<std::string>& out);

Scalar number_value(double& out, double least, double most);
void number(Fields& f, std::string_view key, double& out, double least = 0,
            double most = std::numeric_limits<double>::max());
void number(Fields& f, std::string_view key, std::optional<double>& out, double least = 0,
            double most = std::numeric_limits<double>::max());
void rate(Fields& f, std::string_view key, double& out);     // 100, 100/s
void percent(Fields& f, std::string_view key, double& out);  // 5, 0.5, 5%
void count(Fields& f, std::string_view key, std::uint64_t& out, std::uint64_t least = 0,
           std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
void count(Fields& f, std::string_view key, std::uint32_t& out, std::uint32_t least = 0);
void size(Fields& f, std::string_view key, std::uint64_t& out);  // 64KiB
// Of a body that is kept in memory: at most 1GiB.
void body_size(Fields& f, std::string_view key, std::uint64_t& out);

// A string that must satisfy `check` ("" or what is wrong).
Scalar checked_value(std::string& out, std::string (*check)(std::string_view));
void checked(Fields& f, std::string_view key, std::string& out,
             std::string (*check)(std::string_view));
void checked_list(Fields& f, std::string_view key, std::vector<std::string>& out,
                  std::string (*check)(std::string_view));

// One of `words`; `index` is its place among them.
void word(Fields& f, std::string_view key, std::initializer_list<std::string_view> words,
          const std::function<void(std::size_t)>& set, std::size_t now);

template <class E>
void choice(Fields& f, std::string_view key, std::initializer_list<std::string_view> words,
            E& out) {
  word(
      f, key, words, [&out](std::size_t index) { out = static_cast<E>(index); },
      static_cast<std::size_t>(out));
}

template <class T>
void structs(Fields& f, std::string_view key, std::vector<T>& out, void (*describe)(Fields&, T&),
             std::string_view word = {}) {
  f.list(key, {[&out] { out.clear(); }, [&out] { return out.size(); },
               [&out, describe](std::size_t index, Fields& item) {
                 if (index == out.size()) out.emplace_back();
                 describe(item, out[index]);
               },
               word, false});
}

}  // namespace shadowtap::config
