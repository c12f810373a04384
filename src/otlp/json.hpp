#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "coterie/trace/span.hpp"

namespace coterie::otlp {

/// {"service.name": …} as the JSON of a Resource: once for all requests.
[[nodiscard]] std::string write_resource(const trace::Attributes& attributes);
/// ExportTraceServiceRequest, as OTLP has it in JSON: ids in hexadecimal, 64-bit numbers as strings.
[[nodiscard]] std::string write_request(std::string_view resource, const std::vector<trace::SpanData>& spans);

/// Of an ExportTraceServiceResponse: how many spans the collector did not take although it took the request.
[[nodiscard]] std::uint64_t read_rejected(std::string_view body);

}  // namespace coterie::otlp
