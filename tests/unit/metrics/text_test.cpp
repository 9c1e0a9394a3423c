#include <gtest/gtest.h>

#include "agent/metrics/snapshot.h"

namespace shadowtap::metrics {
namespace {

TEST(MetricsText, HistogramsAreCumulativeAndEndWithInfinity) {
  Snapshot snapshot;
  snapshot.responses = {{"orders", "/a", "original", {{0.01, 0.1}, {3, 2, 1}, 0.75}}};
  const std::string text = to_text(snapshot);
  const std::string labels = "{service=\"orders\",route=\"/a\",source=\"original\"";
  for (const std::string& line : {
           "shadowtap_response_seconds_bucket" + labels + ",le=\"0.01\"} 3\n",
           "shadowtap_response_seconds_bucket" + labels + ",le=\"0.1\"} 5\n",
           "shadowtap_response_seconds_bucket" + labels + ",le=\"+Inf\"} 6\n",
           "shadowtap_response_seconds_count" + labels + "} 6\n",
           "shadowtap_response_seconds_sum" + labels + "} 0.75\n",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
  }
}

TEST(MetricsText, EqualLabelsBecomeOneRow) {
  Snapshot snapshot;
  snapshot.comparisons = {{"s", "other", "match", 2}, {"s", "other", "match", 3}};
  snapshot.targets = {{"s", "mirror", true, {{"answered", 1}}},
                      {"s", "mirror", false, {{"answered", 4}}}};
  const std::string text = to_text(snapshot);
  EXPECT_NE(text.find("shadowtap_comparisons_total{service=\"s\",route=\"other\","
                      "outcome=\"match\"} 5\n"),
            std::string::npos);
  EXPECT_NE(text.find("result=\"answered\"} 5\n"), std::string::npos);
  EXPECT_NE(text.find("shadowtap_target_up{service=\"s\",role=\"mirror\"} 0\n"),
            std::string::npos);
}

TEST(MetricsText, TargetsShowConnectionsAndHowSoonTheyWereSentTo) {
  Snapshot snapshot;
  TargetCount target{"s", "candidate", true, {}};
  target.connections_opened = 3;
  target.send_delay = {{0.001, 0.002}, {5, 1, 0}, 0.004};
  snapshot.targets = {target};
  const std::string text = to_text(snapshot);
  const std::string labels = "{service=\"s\",role=\"candidate\"";
  EXPECT_NE(text.find("shadowtap_target_connections_total" + labels + "} 3\n"), std::string::npos);
  EXPECT_NE(text.find("shadowtap_send_delay_seconds_bucket" + labels + ",le=\"0.002\"} 6\n"),
            std::string::npos);
}

TEST(MetricsText, LabelsAreEscaped) {
  Snapshot snapshot;
  snapshot.services = {{"a\"b\\c\nd", 1, 0, 0, false, "pass"}};
  EXPECT_NE(to_text(snapshot).find("{service=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos);
}

TEST(MetricsText, ThisProcessIsMeasured) {
  const Process process = read_process();
  EXPECT_GT(process.resident_bytes, 1u << 16);
  EXPECT_GT(process.start_time_seconds, 1.6e9);
  EXPECT_GE(process.open_fds, 3u);
  EXPECT_GE(process.threads, 1u);
}

}  // namespace
}  // namespace shadowtap::metrics
