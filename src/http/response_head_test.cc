#include "response_head.h"

#include <gtest/gtest.h>

namespace gantry::http {
namespace {

TEST(DateCacheTest, writes_what_rfc_9110_wants) {
  DateCache cache;
  EXPECT_EQ(cache.at(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(951'782'400), "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST(ResponseHeadTest, is_written_into_the_same_memory) {
  const ResponseContext context{.server_name = "gantry",
                                .date = "today",
                                .request_id = "7",
                                .keep_alive = true,
                                .is_http_1_0 = true};
  std::string out = "what was there before";
  write_head({.status = 429, .body = "{}", .headers = {{"Retry-After", "1"}}}, context, out);
  EXPECT_EQ(out,
            "HTTP/1.1 429 Too Many Requests\r\nServer: gantry\r\nDate: today\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\nX-Request-Id: 7\r\n"
            "Connection: keep-alive\r\nRetry-After: 1\r\n\r\n");
}

}  // namespace
}  // namespace gantry::http
