// How a message's headers frame its body, where servers are known to disagree: what they may
// read differently is not guessed (RFC 9112 section 6). Pure functions.
#pragma once

#include "agent/http/message.h"

namespace shadowtap::http {

// Any Transfer-Encoding but one line of "identity", which is what RFC 2616 called no coding
// at all; some servers still say it.
bool has_transfer_coding(const HeaderList& headers);

// Whether the last coding is chunked. All lines are one list, whose empty elements do not
// count (RFC 9110 section 5.6.1).
bool ends_in_chunked(const HeaderList& headers);

// One line of known codings that ends in chunked, in a version that has them. Of a request,
// which servers take in as many ways as there are servers where it is more than that.
bool clearly_chunked(const Request& request);

// Whether a value speaks of framing. Where a line was folded, some servers take that for a
// header of its own, others drop it.
bool mentions_framing(const HeaderList& headers);

}  // namespace shadowtap::http
