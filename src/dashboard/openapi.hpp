#pragma once
#include <string_view>

namespace coterie::dashboard {

/// openapi.json: the contract of /api/v1. A test holds it against the routes and what they answer.
[[nodiscard]] std::string_view openapi_document() noexcept;

}  // namespace coterie::dashboard
