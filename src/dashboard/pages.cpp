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

/// Takes what stands before the next comma off `list`, without the blanks around it.
std::string_view take_item(std::string_view& list) {
  std::string_view item = list.substr(0, list.find(','));
  list.remove_prefix(std::min(list.size(), item.size() + 1));
  item.remove_prefix(std::min(item.find_first_not_of(" \t"), item.size()));
  return item.substr(0, item.find_last_not_of(" \t") + 1);
}

/// "a, gzip;q=0.5": q=0, of however many digits, is a no.
bool takes_gzip(const http::Request& request) {
  for (std::string_view all = request.headers.get("accept-encoding"); !all.empty();) {
    const std::string_view one = take_item(all);
    const std::size_t weight = one.find("q=");
    if (!http::same_name(one.substr(0, one.find_first_of("; \t")), "gzip")) continue;
    return weight == std::string_view::npos ||
           one.find_first_not_of("0.", weight + 2) != std::string_view::npos;
  }
  return false;
}

/// Each representation has a tag of its own, for a strong one says that two are the same byte for byte.
std::string tag_of(const Asset& asset, bool gzip) {
  std::string tag(asset.etag);
  if (gzip) tag.insert(tag.size() - 1, "-gzip");
  return tag;
}

/// If-None-Match compares weakly (RFC 9110, 13.1.2): W/ does not count. Our tags have no comma.
bool has_it_already(const http::Request& request, std::string_view tag) {
  for (const auto& [name, value] : request.headers.fields()) {
    if (!http::same_name(name, "if-none-match")) continue;
    for (std::string_view all = value; !all.empty();) {
      std::string_view one = take_item(all);
      if (one.starts_with("W/")) one.remove_prefix(2);
      if (one == tag || one == "*") return true;
    }
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
  if (!options_.web_root.empty() && is_asset) {
    response.headers.set("Cache-Control", "no-cache");
    response.body = read_file(options_.web_root, asset->path, asset->plain);
    return response;
  }
  const bool gzip = takes_gzip(request);
  const std::string tag = tag_of(*asset, gzip);
  const bool kept = is_asset && request.segments[1] == assets_build() && options_.web_root.empty();
  response.headers.set("ETag", tag);
  response.headers.set("Vary", "Accept-Encoding");
  response.headers.set("Cache-Control", kept ? "public, max-age=31536000, immutable" : "no-cache");
  if (has_it_already(request, tag)) {
    response.status = 304;
    return response;
  }
  if (gzip) response.headers.set("Content-Encoding", "gzip");
  response.body = gzip ? asset->gzip : asset->plain;
  return response;
}

}  // namespace coterie::dashboard
