#include "walk.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string_view>
#include <system_error>

#include "coterie/coterie.hpp"
#include "index_file.hpp"

namespace file_index {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

/// The length of the UTF-8 character that `text` begins with; 0 when it begins with none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) > 0xF4 || (length > 1 && byte(0) < 0xC2) || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  // Not overlong, no surrogate, not beyond U+10FFFF; U+0080…U+009F are control characters.
  const bool bad =
      length > 1 && ((byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xED && byte(1) > 0x9F) ||
                     (byte(0) == 0xF0 && byte(1) < 0x90) || (byte(0) == 0xF4 && byte(1) > 0x8F) ||
                     (byte(0) == 0xC2 && byte(1) < 0xA0));
  return bad ? 0 : length;
}

std::optional<int> hex_value(char digit) {
  const std::size_t place = hex_digits.find(digit);
  return place == std::string_view::npos ? std::nullopt : std::optional(static_cast<int>(place));
}

Listing list_here(const std::string& folder, const std::string& skip, const std::stop_token& stop) {
  Listing listing;
  const auto add = [&](const std::string& path, std::uint64_t bytes) {
    Entry& entry = listing.entries.emplace_back();
    entry.path = path;
    entry.bytes = bytes;
  };
  std::vector<std::string> folders{folder};
  while (!folders.empty() && !stop.stop_requested()) {
    const std::string next = std::move(folders.back());
    folders.pop_back();
    std::error_code error;
    fs::directory_iterator entries(next, error);
    for (const fs::directory_iterator end; !error && entries != end; entries.increment(error)) {
      const std::string& path = entries->path().native();
      if (!skip.empty() && path.starts_with(skip)) continue;
      std::error_code ignored;
      const fs::file_status status = entries->symlink_status(ignored);
      if (fs::is_directory(status))
        folders.push_back(path);
      else if (fs::is_symlink(status) && fs::exists(entries->status(ignored)))
        ++listing.links;
      else
        add(path, fs::is_regular_file(status) ? entries->file_size(ignored) : 0);
    }
    if (error) add(next, 0);
  }
  return listing;
}

}  // namespace

std::string encode_path(std::string_view path) {
  std::string text;
  for (std::size_t i = 0; i < path.size();) {
    const auto byte = static_cast<unsigned char>(path[i]);
    const std::size_t length = byte < 0x20 || byte == 0x7F || byte == '%' ? 0 : utf8_length(path.substr(i));
    if (length == 0) {
      text += '%';
      text += hex_digits[byte >> 4];
      text += hex_digits[byte & 15];
    } else {
      text += path.substr(i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return text;
}

std::string decode_path(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = hex_value(text[i + 1]);
      const auto low = hex_value(text[i + 2]);
      if (high && low) {
        path += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    path += text[i];
  }
  return path;
}

coterie::Task<Listing> list_files(std::string folder, std::string skip) {
  std::stop_source stop;
  coterie::Outcome<Listing> listed = co_await coterie::outcome(
      coterie::to_thread(list_here, std::move(folder), std::move(skip), stop.get_token()));
  stop.request_stop();
  co_return std::move(listed).get();
}

}  // namespace file_index
