// The pages: files that stand in the binary. Every path that is no file is the app, which reads the path.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "src/dashboard/assets.hpp"
#include "src/dashboard/service.hpp"

namespace coterie::dashboard {
namespace {

constexpr const char* no_pages =
    "This coterie was built without the dashboard's pages; its API is here: /api/v1/openapi.json\n"
    "To have them install npm (apt-get install npm) and configure with -DCOTERIE_DASHBOARD=ON.\n";

/// "a, gzip;q=1.0"
bool takes_gzip(const http::Request& request) {
  std::string_view all = request.headers.get("accept-encoding");
  while (!all.empty()) {
    std::string_view one = all.substr(0, all.find(','));
    all.remove_prefix(std::min(all.size(), one.size() + 1));
    one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
    const std::string_view name = one.substr(0, one.find_first_of("; "));
    if (http::same_name(name, "gzip"))
      return one.find("q=0") == std::string_view::npos || one.find("q=0.") != std::string_view::npos;
  }
  return false;
}

const Asset* find(std::string_view path) {
  const auto found = std::find_if(assets().begin(), assets().end(),
                                  [path](const Asset& asset) { return asset.path == path; });
  return found == assets().end() ? nullptr : &*found;
}

/// A file of DashboardOptions::web_root, for who works on the pages. Only names that are assets.
std::string read_file(const std::string& root, std::string_view name, std::string_view otherwise) {
  std::ifstream file(std::filesystem::path(root) / name, std::ios::binary);
  if (!file) return std::string(otherwise);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

bool has_pages() noexcept {
  return !assets().empty();
}

http::Response Service::page(const http::Request& request) const {
  if (!has_pages())
    return http::Response(request.path == "/" ? 200 : 404, "text/plain; charset=utf-8", no_pages);
  const bool is_asset = request.segments.size() == 3 && request.segments[0] == "assets";
  const Asset* const asset = is_asset ? find(request.segments[2]) : find("index.html");
  if (asset == nullptr) return http::Response(404, "text/plain; charset=utf-8", "no such file\n");
  http::Response response(200, std::string(asset->type));
  response.headers.set("ETag", std::string(asset->etag));
  response.headers.set("Vary", "Accept-Encoding");
  const bool kept = is_asset && request.segments[1] == assets_build() && options_.web_root.empty();
  response.headers.set("Cache-Control", kept ? "public, max-age=31536000, immutable" : "no-cache");
  if (!options_.web_root.empty() && is_asset) {
    response.body = read_file(options_.web_root, asset->path, asset->plain);
    return response;
  }
  if (request.headers.get("if-none-match") == asset->etag) {
    response.status = 304;
  } else if (takes_gzip(request)) {
    response.headers.set("Content-Encoding", "gzip");
    response.body = asset->gzip;
  } else {
    response.body = asset->plain;
  }
  return response;
}

}  // namespace coterie::dashboard
