// The standard's environment variables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "coterie/otlp/exporter.hpp"
#include "trace/spans.hpp"

namespace coterie::otlp_test {
namespace {

using otlp::ExporterOptions;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Variables = std::map<std::string, std::string>;

/// Sets variables for as long as it lives; of OTEL's no others are set.
class Environment {
 public:
  explicit Environment(const Variables& variables) {
    for (const char* const name :
         {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
          "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SERVICE_NAME",
          "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SDK_DISABLED",
          "OTEL_TRACES_EXPORTER"})
      ::unsetenv(name);
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    set_ = variables;
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const auto& [name, value] : set_) ::unsetenv(name.c_str());
  }

 private:
  std::map<std::string, std::string> set_;
};

TEST(OtlpEnvironment, WithoutAnEndpointThereIsNothing) {
  const Environment none(Variables{{"OTEL_SERVICE_NAME", "shop"}});
  ExporterOptions options;
  EXPECT_FALSE(otlp::read_environment(options));
  EXPECT_EQ(options.service, "shop");
}

TEST(OtlpEnvironment, TheEndpointOfAllSignalsGetsThePathAndThatOfTracesIsWhole) {
  ExporterOptions options;
  {
    const Environment all(Variables{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"}});
    EXPECT_TRUE(otlp::read_environment(options));
    EXPECT_EQ(options.url, "http://collector:4318/v1/traces");
  }
  {
    const Environment all(Variables{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector/otlp/"}});
    EXPECT_TRUE(otlp::read_environment(options));
    EXPECT_EQ(options.url, "http://collector/otlp/v1/traces");
  }
  const Environment both(Variables{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"},
                                   {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://jaeger:9/mine"}});
  EXPECT_TRUE(otlp::read_environment(options));
  EXPECT_EQ(options.url, "http://jaeger:9/mine");
}

TEST(OtlpEnvironment, NamesHeadersAndTimeoutAreRead) {
  const Environment all(
      Variables{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector"},
                {"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b%3D, x = y"},
                {"OTEL_EXPORTER_OTLP_TIMEOUT", "1500"},
                {"OTEL_RESOURCE_ATTRIBUTES", "service.name=a,deployment.environment.name=staging"},
                {"OTEL_SERVICE_NAME", "b"}});
  ExporterOptions options;
  EXPECT_TRUE(otlp::read_environment(options));
  EXPECT_EQ(options.headers.get("api-key"), "a b=");
  EXPECT_EQ(options.headers.get("x"), "y");
  EXPECT_EQ(options.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(options.service, "b") << "goes before service.name";
  ASSERT_EQ(options.resource.size(), 1u);
  EXPECT_EQ(options.resource[0].name, "deployment.environment.name");
}

TEST(OtlpEnvironment, TracesCanBeSwitchedOff) {
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"OTEL_SDK_DISABLED", "true"}, {"OTEL_TRACES_EXPORTER", "none"}}) {
    const Environment off(Variables{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector"}, {name, value}});
    ExporterOptions options;
    EXPECT_FALSE(otlp::read_environment(options)) << name;
  }
}

TEST(OtlpEnvironment, AVariableThatIsWrongIsNamed) {
  const auto refusal = [](std::map<std::string, std::string> variables) -> std::string {
    variables.emplace("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector");
    const Environment set(variables);
    ExporterOptions options;
    try {
      (void)otlp::read_environment(options);
      (void)otlp::sampler_from_environment();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal({}), "");
  EXPECT_THAT(refusal({{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}}), HasSubstr("port 4318"));
  EXPECT_EQ(refusal({{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"}}), "");
  for (const char* const bad : {"x", "=x", "a=%zz", "a=%0d%0aX: y"})
    EXPECT_THAT(refusal({{"OTEL_EXPORTER_OTLP_HEADERS", bad}}),
                StartsWith("OTEL_EXPORTER_OTLP_HEADERS: give"))
        << bad;
  for (const char* const bad : {"0", "-1", "1s"})
    EXPECT_THAT(refusal({{"OTEL_EXPORTER_OTLP_TIMEOUT", bad}}), HasSubstr("give milliseconds"));
  EXPECT_THAT(refusal({{"OTEL_TRACES_SAMPLER", "xray"}}), StartsWith("OTEL_TRACES_SAMPLER 'xray'"));
}

}  // namespace
}  // namespace coterie::otlp_test
