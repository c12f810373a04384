// What a loop tells: exception handlers, debug mode (list A).
#include <gmock/gmock.h>

#include <latch>
#include <thread>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What goes to the default handler, as text; the handler that it had comes back.
class DefaultReports {
 public:
  DefaultReports() {
    set_default_exception_handler([this](const ErrorContext& context) { list.push_back(context); });
  }
  DefaultReports(const DefaultReports&) = delete;
  DefaultReports& operator=(const DefaultReports&) = delete;
  ~DefaultReports() { set_default_exception_handler(nullptr); }
  std::vector<ErrorContext> list;
};

/// Calls from another thread while the loop's is busy with a callback.
std::string from_another_thread(EventLoop& loop, const std::function<void()>& call) {
  std::string said;
  loop.call_soon([&] {
    std::thread([&] {
      try {
        call();
      } catch (const std::logic_error& error) {
        said = error.what();
      }
    }).join();
    loop.stop();
  });
  loop.run_forever();
  return said;
}

// 19. test_base_events::BaseEventLoopTests.test_check_thread
TEST(LoopReport, AForeignThreadIsRefusedInDebugModeOnly) {
  for (const bool debug : {false, true}) {
    testing::VirtualLoop owner;
    EventLoop& loop = owner.loop();
    loop.set_debug(debug);
    const auto expected = debug ? HasSubstr("Non-thread-safe operation") : HasSubstr("");
    int ran = 0;
    const auto count = [&] { ++ran; };
    const auto problem = [&](const std::function<void()>& call) {
      const std::string said = from_another_thread(loop, call);
      EXPECT_EQ(said.empty(), !debug) << said;
      EXPECT_THAT(said, expected);
    };
    problem([&] { loop.call_soon(count); });
    problem([&] { loop.call_later(0s, count); });
    problem([&] { loop.call_at(loop.now(), count); });
    owner.run(ticks(2));
    EXPECT_EQ(ran, debug ? 0 : 3);
    std::thread([&] { loop.call_soon(count); }).join();  // it does not run: nothing is wrong yet
    owner.run(ticks(1));
    EXPECT_EQ(ran, debug ? 1 : 4);
  }
}

// Beyond the list: cancelling a task from a foreign thread too.
COTERIE_CASE(LoopReport, AForeignCancelIsRefusedInDebugMode) {
  testing::VirtualLoop owner;
  owner.loop().set_debug(true);
  JoinHandle<void> task;
  owner.run([](JoinHandle<void>& out) -> Task<void> {
    out = spawn(Subjects::sleeper, 1h);
    co_await ticks(1);
  }(task));
  EXPECT_THAT(from_another_thread(owner.loop(), [&] { task.cancel(); }), StartsWith("Non-thread-safe"));
  EXPECT_EQ(task.cancelling(), 0U);
}

// 20. test_base_events::BaseEventLoopWithSelectorTests.test_log_slow_callbacks
COTERIE_CASE(LoopReport, SlowCallbacksAndStepsAreNamedInDebugMode) {
  testing::VirtualLoop owner;
  EventLoop& loop = owner.loop();
  Reports reports(loop);
  const auto block_in_both = [&] {
    loop.call_soon([&] {
      owner.block_for(123ms);
      loop.stop();
    });
    loop.run_forever();
    owner.run([](testing::VirtualLoop& virtual_loop) -> Task<void> {
      JoinHandle<void> task = spawn(
          named("slow"),
          [](testing::VirtualLoop& l) -> Co<void> {
            co_await yield();
            l.block_for(2s);
          },
          std::ref(virtual_loop));
      co_await task;
    }(owner));
  };
  block_in_both();
  EXPECT_EQ(reports.count(), 0U) << "only in debug mode";
  loop.set_debug(true);
  block_in_both();
  ASSERT_EQ(reports.count(), 2U) << "the default limit is 0.1 s";
  EXPECT_THAT(reports[0].message,
              ContainsRegex("^Executing <Handle loop_report_test.cpp:[0-9]+> took 0.123 seconds$"));
  EXPECT_THAT(reports[1].message, ContainsRegex("^Executing <Task 'slow' .*loop_report_test.cpp:[0-9]+.*> "
                                                "took 2.000 seconds$"));
  loop.set_slow_callback_duration(0s);
  owner.run(nop());
  EXPECT_THAT(reports.messages().back(), ContainsRegex("^Executing <Task 'main' .*> took 0.000 seconds$"));
  loop.set_slow_callback_duration(3s);
  const std::size_t before = reports.count();
  block_in_both();
  EXPECT_EQ(reports.count(), before);
}

// 21. test_base_events::BaseEventLoopTests.test_default_exc_handler_callback
TEST(LoopReport, ThrowingCallbacksAreReportedAndTheLoopGoesOn) {
  testing::VirtualLoop owner;
  int ran = 0;
  ::testing::internal::CaptureStderr();
  owner.loop().call_soon([] { throw Boom("soon"); });
  owner.loop().call_later(1s, [] { throw Boom("later"); });
  owner.loop().call_soon([&] { ++ran; });
  owner.run(sleeper(2s));
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines,
              ContainsRegex("coterie: Exception in callback <Handle loop_report_test.cpp:[0-9]+>: soon\n"
                            "coterie: Exception in callback <TimerHandle loop_report_test.cpp:[0-9]+>: "
                            "later\n"));
  EXPECT_EQ(ran, 1);
}

template <class How>
Task<void, How> registers_a_callback() {
  co_await yield();
  EventLoop::current().call_soon([] { throw Boom("zero"); });
}

// 22. test_base_events::BaseEventLoopTests.test_set_exc_handler_custom
COTERIE_CASE(LoopReport, CustomHandlerGetsTheWholeContext) {
  testing::VirtualLoop owner;
  for (const bool debug : {false, true}) {
    owner.loop().set_debug(debug);
    Reports reports(owner.loop());
    owner.run([]() -> Task<void> {
      co_await registers_a_callback<How>();
      co_await yield();
    }());
    ASSERT_EQ(reports.count(), 1U);
    const ErrorContext& context = reports[0];
    EXPECT_EQ(context.message, "Exception in callback");
    EXPECT_EQ(text(context.error), "zero");
    EXPECT_THAT(context.handle, StartsWith("<Handle loop_report_test.cpp:"));
    EXPECT_THAT(context.where.file_name(), HasSubstr("loop_report_test.cpp"));
    EXPECT_TRUE(context.task.empty());
    if (!debug) {
      EXPECT_TRUE(context.created.empty());
      continue;
    }
    ASSERT_EQ(context.created.size(), 2U);
    EXPECT_THAT(context.created[0].function, HasSubstr("registers_a_callback"));
    EXPECT_THAT(context.str(),
                ContainsRegex("zero\n  made in .*registers_a_callback at .*:[0-9]+\n  made in"));
  }
  DefaultReports defaults;  // the handler was reset
  owner.loop().call_soon([] { throw Boom("zero"); });
  owner.run(ticks(1));
  EXPECT_EQ(defaults.list.size(), 1U);
}

// 23. test_base_events::BaseEventLoopTests.test_set_exc_handler_broken
TEST(LoopReport, BrokenHandlerIsReportedWithWhatItWasTold) {
  testing::VirtualLoop owner;
  owner.loop().set_exception_handler([](const ErrorContext&) { throw Boom("spam"); });
  DefaultReports defaults;
  owner.loop().call_soon([] { throw Boom("zero"); });
  owner.run(ticks(1));
  ASSERT_EQ(defaults.list.size(), 1U);
  EXPECT_EQ(defaults.list[0].message, "Unhandled error in exception handler");
  EXPECT_EQ(text(defaults.list[0].error), "spam");
  ASSERT_NE(defaults.list[0].told, nullptr);
  EXPECT_EQ(defaults.list[0].told->message, "Exception in callback");
  EXPECT_EQ(text(defaults.list[0].told->error), "zero");
}

// 24. test_base_events::BaseEventLoopTests.test_default_exc_handler_broken
TEST(LoopReport, WithBothHandlersBrokenOneLineKeepsTheContext) {
  testing::VirtualLoop owner;
  set_default_exception_handler([](const ErrorContext&) { throw Boom("eggs"); });
  int ran = 0;
  ::testing::internal::CaptureStderr();
  owner.loop().call_soon([] { throw Boom("zero"); });
  owner.run(ticks(1));
  EXPECT_THAT(
      ::testing::internal::GetCapturedStderr(),
      ContainsRegex("^coterie: Exception in default exception handler: eggs; it was told: Exception in "
                    "callback <Handle [^\n]*>: zero\n$"));
  owner.loop().set_exception_handler([](const ErrorContext&) { throw Boom("spam"); });
  ::testing::internal::CaptureStderr();
  owner.loop().call_soon([] { throw Boom("zero"); });
  owner.loop().call_soon([&] { ++ran; });
  owner.run(ticks(1));
  EXPECT_THAT(
      ::testing::internal::GetCapturedStderr(),
      ContainsRegex("^coterie: Exception in default exception handler while handling an unexpected error "
                    "in custom exception handler: eggs; it was told: Exception in callback <Handle "
                    "[^\n]*>: zero\n$"));
  EXPECT_EQ(ran, 1);
  set_default_exception_handler(nullptr);
}

// Beyond the list: the handler runs in the context of what it is told of.
COTERIE_CASE(LoopReport, HandlerRunsInTheContextOfTheCulprit) {
  const ContextVar<std::string> request("request", "none");
  testing::VirtualLoop owner;
  std::vector<std::string> seen;
  owner.loop().set_exception_handler([&](const ErrorContext&) { seen.push_back(request.get()); });
  owner.run([](const ContextVar<std::string>& variable) -> Task<void> {
    spawn(
        [](const ContextVar<std::string>& r) -> Co<void> {
          (void)r.set("of the task");
          co_await Subjects::fail("boom");
        },
        std::ref(variable));
    EventLoop::current().call_soon([&variable] {
      (void)variable.set("of the callback");
      throw Boom();
    });
    co_await ticks(3);
  }(request));
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("of the task", "of the callback"));
}

// Beyond the list: the handler may go while it runs.
TEST(LoopReport, HandlerMaySetAnother) {
  testing::VirtualLoop loop;
  int heard = 0;
  auto text = std::make_shared<std::string>(100, 'x');
  loop.loop().set_exception_handler([&loop, &heard, text](const ErrorContext&) {
    loop.loop().set_exception_handler(nullptr);
    heard += static_cast<int>(text->size());
  });
  loop.loop().report(ErrorContext("for the handler", nullptr));
  EXPECT_EQ(heard, 100);
}

}  // namespace
}  // namespace coterie
