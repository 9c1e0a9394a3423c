#include "diff/number.h"

#include <gtest/gtest.h>

namespace shadowtap::diff {
namespace {

TEST(Number, OneValueHasManySpellings) {
  const std::vector<std::vector<const char*>> values = {
      {"0", "-0", "0.0", "-0e5", "0E-999999999999999999999"},
      {"1", "1.0", "1e0", "10e-1", "0.1e1", "0.001E+3"},
      {"-12.5", "-12.50", "-1.25e1", "-0.125e2", "-1250e-2"},
      {"100", "1e2", "1.00e2", "1000e-1"},
      {"1e400", "10e399", "0.01e402"},
      {"1e99999999999999999999", "10e99999999999999999998", "0.1e100000000000000000000"},
      {"1e-99999999999999999999", "10e-100000000000000000000"},
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (const char* a : values[i]) {
      for (const char* b : values[i]) {
        EXPECT_TRUE(equal_numbers(a, b)) << a << " " << b;
        EXPECT_EQ(hash_number(a), hash_number(b)) << a << " " << b;
      }
      for (std::size_t j = 0; j < values.size(); ++j) {
        if (i == j) continue;
        EXPECT_FALSE(equal_numbers(a, values[j][0])) << a << " " << values[j][0];
        EXPECT_NE(hash_number(a), hash_number(values[j][0])) << a << " " << values[j][0];
      }
    }
  }
}

TEST(Number, OrdersByValue) {
  const std::vector<const char*> ascending = {
      "-1e99999999999999999999", "-1e400", "-9223372036854775809", "-9223372036854775808", "-1.5",
      "-1", "-1e-400", "0", "1e-99999999999999999999", "1e-400", "0.1", "0.11", "1", "9", "10",
      "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e400", "2e400",
      "1e99999999999999999999"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      const int order = order_numbers(ascending[i], ascending[j]);
      EXPECT_EQ(order < 0, i < j) << ascending[i] << " " << ascending[j];
      EXPECT_EQ(order == 0, i == j) << ascending[i] << " " << ascending[j];
    }
  }
}

TEST(Number, TolerancesIncludeTheirBound) {
  EXPECT_TRUE(numbers_within("1.00", "1.01", 0.01, 0));
  EXPECT_FALSE(numbers_within("1.00", "1.0101", 0.01, 0));
  EXPECT_TRUE(numbers_within("90", "100", 0, 0.1));
  EXPECT_FALSE(numbers_within("89", "100", 0, 0.1));
  EXPECT_TRUE(numbers_within("1e999", "10e998", 0, 0));
  EXPECT_FALSE(numbers_within("1e999", "2e999", 1, 1));
}

TEST(Number, KnowsTheGrammar) {
  for (const char* good : {"0", "-1", "1.5", "1e5", "1E-5", "-0.0e+0"}) {
    EXPECT_TRUE(is_number(good)) << good;
  }
  for (const char* bad : {"", "-", "01", "1.", ".1", "1e", "+1", "1 ", "0x1", "1e+"}) {
    EXPECT_FALSE(is_number(bad)) << bad;
  }
}

}  // namespace
}  // namespace shadowtap::diff
