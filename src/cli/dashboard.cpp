// coterie dashboard: the pages and the API, in a browser.
#include "src/cli/dashboard.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <iostream>

#include "coterie/cancel.hpp"
#include "coterie/run.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

struct DashboardFlags {
  CommonOptions common;
  std::string listen;
  std::string accounts;
  std::string token;
  std::string account;
  std::string audit;
  std::string log_format = "text";
  std::string certificate;
  std::string key;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> redact;
  std::string web_root;
  bool read_only = false;
  bool insecure = false;
  DashboardFlags() = default;
};

/// Each line is there when the change is answered; a log that cannot be written is told once, and the
/// change stands.
class AuditFile {
 public:
  explicit AuditFile(const std::string& path)
      : fd_(path.empty() ? -1 : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    if (!path.empty() && fd_ < 0) throw UsageError("--audit '" + path + "' cannot be written");
  }
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;
  ~AuditFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  void write(Log& log, std::string_view line) {
    log.write(LogLevel::info, line);
    if (fd_ < 0) return;
    const std::string whole = std::string(line) + "\n";
    if (::write(fd_, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size()) || told_) return;
    told_ = true;
    log.write(LogLevel::error, "the audit log cannot be written");
  }

 private:
  int fd_;
  bool told_ = false;
};

std::pair<std::string, dashboard::Role> read_account(const std::string& flag, const std::string& text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  const auto role = dashboard::parse_role(text.substr(std::min(equals + 1, text.size())));
  if (!role) throw UsageError(flag + " '" + text + "': write NAME=viewer, NAME=operator or NAME=admin");
  return {text.substr(0, equals), *role};
}

io::TlsServerContext tls_from(const std::string& certificate, const std::string& key) {
  io::TlsServerOptions options;
  options.certificate_file = certificate;
  options.key_file = key;
  return io::TlsServerContext(options);
}

int print_token(const std::string& text) {
  const auto [name, role] = read_account("--new-token", text);
  const dashboard::NewToken made = dashboard::make_token(name, role);
  std::cerr << "The token, which is not shown again:\n  " << made.token
            << "\nThe line for the file of accounts:\n";
  Output::standard().line(made.line);
  return exit_ok;
}

int print_account(const std::string& text) {
  const auto [name, role] = read_account("--new-account", text);
  if (::isatty(STDIN_FILENO) == 1)
    std::cerr << "Password (it is shown; or give it by a pipe): " << std::flush;
  std::string password;
  std::getline(std::cin, password);
  Output::standard().line(dashboard::make_account(name, role, password));
  return exit_ok;
}

/// Why nothing can listen there, for people; empty where the system's own words have to do.
std::string cure_of(const std::error_code& error, const std::string& flag) {
  if (error == std::errc::address_in_use)
    return ": another program listens there, perhaps a dashboard: take another port (" + flag +
           " 127.0.0.1:0 takes one that is free)";
  if (error == std::errc::address_not_available)
    return ": this machine has no such address: " + flag + " 127.0.0.1:8420 is for itself alone";
  if (error == std::errc::permission_denied)
    return ": ports below 1024 are the system's: take another with " + flag;
  return "";
}

int show(const DashboardFlags& flags) {
  if (!flags.token.empty()) return print_token(flags.token);
  if (!flags.account.empty()) return print_account(flags.account);
  dashboard::DashboardOptions options;
  read_address("--listen", flags.listen, options);
  options.accounts = flags.accounts;
  options.insecure_no_auth = flags.insecure;
  options.read_only = flags.read_only;
  options.allowed_hosts = flags.allowed_hosts;
  options.redact = flags.redact;
  options.web_root = flags.web_root;
  if (flags.certificate.empty() != flags.key.empty())
    throw UsageError("--tls-cert and --tls-key belong together");
  if (!flags.certificate.empty()) options.tls = tls_from(flags.certificate, flags.key);
  const auto log = std::make_shared<Log>(LogLevel::info, parse_log_format(flags.log_format));
  options.log = log;
  AuditFile audit(flags.audit);
  options.audit = [&](std::string_view line) { audit.write(*log, line); };
  const auto broker = open_shared(flags.common.broker);
  options.listening = [&](const std::string& url) {
    Output::standard().line(flags.common.json ? JsonObject().add("url", url).str() : url);
    Output::standard().flush();
    if (options.accounts.empty())
      log->write(LogLevel::warning,
                 options.insecure_no_auth
                     ? "whoever can connect may do everything: --insecure-no-auth was given"
                     : "whoever can use this machine may do everything: see --accounts");
    if (!dashboard::has_pages())
      log->write(LogLevel::warning, "this build has no pages, only the API: npm was not there");
    log->write(LogLevel::info, "showing " + broker->url() + "; Ctrl-C stops");
  };
  try {
    coterie::run(dashboard::serve(broker, options));
  } catch (const Interrupted&) {
    return exit_ok;
  } catch (const std::exception&) {
    rethrow_with_cure("--listen");
  }
  return exit_ok;
}

}  // namespace

void read_address(const std::string& flag, const std::string& text, dashboard::DashboardOptions& options) {
  if (text.empty()) return;
  const ListenAddress address = parse_address(flag, text);
  options.host = address.host;
  options.port = address.port.value_or(options.port);
}

void rethrow_with_cure(const std::string& flag) {
  try {
    throw;
  } catch (const dashboard::BadOptions& error) {
    throw UsageError(error.what());
  } catch (const std::system_error& error) {
    const std::string cure = cure_of(error.code(), flag);
    if (cure.empty()) throw;
    throw UsageError(error.what() + cure);
  }
}

DashboardThread::DashboardThread(std::shared_ptr<queue::Broker> broker, dashboard::DashboardOptions options,
                                 Log& log) {
  const auto listening = std::make_shared<std::promise<void>>();
  const auto listens = std::make_shared<std::atomic<bool>>(false);
  options.audit = [&log](std::string_view line) { log.write(LogLevel::info, line); };
  options.listening = [&log, listening, listens](const std::string& url) {
    log.write(LogLevel::info, "dashboard: " + url);
    *listens = true;
    listening->set_value();
  };
  std::future<void> began = listening->get_future();
  thread_ =
      std::jthread([&log, listening, listens, broker = std::move(broker), options](std::stop_token stop) {
        RunOptions run_options;
        run_options.handle_signals = false;
        run_options.stop_token = std::move(stop);
        try {
          coterie::run(dashboard::serve(broker, options), run_options);
        } catch (const Cancelled&) {
          // It was told to stop.
        } catch (const std::exception& error) {
          if (*listens)
            log.write(LogLevel::error, std::string("the dashboard has stopped: ") + error.what());
          else
            listening->set_exception(std::current_exception());
        }
      });
  began.get();
}

void add_dashboard(CLI::App& app, Action& chosen) {
  auto flags = std::make_shared<DashboardFlags>();
  Flags(app, "dashboard", "Show queues and jobs in a browser, and serve the API behind it")
      .common(flags->common)
      .text(
          "--listen,-l", flags->listen,
          "Where it listens; an address that other machines reach needs --accounts [default 127.0.0.1:8420, "
          "this machine alone; port 0: one that is free]",
          "ADDR:PORT")
      .text("--accounts", flags->accounts,
            "Who may log in, and as what, see below; read at the start: to change it, start anew", "FILE")
      .flag("--read-only", flags->read_only, "Nothing can be changed, whoever asks")
      .flag("--insecure-no-auth", flags->insecure, "Listen to all the world without accounts")
      .texts("--allow-host", flags->allowed_hosts,
             "A name by which it may be called, beside addresses and localhost", "NAME")
      .texts("--redact", flags->redact,
             "Do not show fields of this name, beside password, token and their like; '*': none at all",
             "NAME")
      .text("--audit", flags->audit, "Append a line of JSON for each change and each login", "FILE")
      .text("--log-format", flags->log_format,
            "How the log on stderr is written: text, for people, or json, an object a line [default text]",
            "FORMAT")
      .text("--tls-cert", flags->certificate, "Serve HTTPS with this certificate (PEM)", "FILE")
      .text("--tls-key", flags->key, "And this key (PEM)", "FILE")
      .text("--new-token", flags->token, "Print a token for programs and its line for --accounts, and end",
            "NAME=ROLE")
      .text("--new-account", flags->account,
            "Print a person's line for --accounts, and end; the password is read from standard input",
            "NAME=ROLE")
      .text("--web-root", flags->web_root, "Read the pages from this folder, to work on them", "DIR")
      .footer(
          "Open the URL that it prints; Ctrl-C stops it. Without --accounts whoever reaches it may do all.\n"
          "Roles: a viewer looks; an operator also sees what tasks do, retries, cancels, drains, pauses and "
          "resumes; an\nadmin also forgets jobs, and enqueues them anew with other arguments.\n"
          "  coterie dashboard --new-account ann=admin >> accounts; chmod 600 accounts\n"
          "  coterie dashboard --accounts accounts --listen 0.0.0.0:8420 --allow-host queue.example.org\n"
          "A program sends its token with each request: Authorization: Bearer TOKEN. Without --tls-cert it\n"
          "can be read on the way.\n"
          "Exit codes: 0 stopped, 2 wrong usage, or an address that is taken or not safe, 3 no broker.")
      .chooses(chosen, [flags] { return show(*flags); });
}

}  // namespace coterie::cli
