#include "agent/http/exchange.h"

namespace shadowtap::http {

const char* to_string(AnswerError error) {
  switch (error) {
    case AnswerError::kNone: return "none";
    case AnswerError::kConnect: return "connect";
    case AnswerError::kDns: return "dns";
    case AnswerError::kTls: return "tls";
    case AnswerError::kTimeout: return "timeout";
    case AnswerError::kReset: return "reset";
    case AnswerError::kProtocol: return "protocol";
    case AnswerError::kCircuitOpen: return "circuit_open";
    case AnswerError::kCount_: break;
  }
  return "?";
}

}  // namespace shadowtap::http
