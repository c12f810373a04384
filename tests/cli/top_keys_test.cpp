// What keys do to the screens of `coterie top`, and what they ask for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/top/listing.hpp"
#include "tests/cli/top_support.hpp"

namespace coterie::cli::top {
namespace {

using testing::HasSubstr;

TEST(TopKeys, TheFilterKeepsRowsThatContainItInAnyCase) {
  View view = at(Page::running);
  const Sample sample = some_sample();
  for (const char c : std::string("/SEND")) (void)press(view, sample, letter(c), 5);
  EXPECT_TRUE(view.typing);
  EXPECT_EQ(listing_of(sample, view, true).rows.size(), 1U);
  (void)press(view, sample, Key{Key::Kind::backspace, ""}, 5);
  (void)press(view, sample, Key{Key::Kind::enter, ""}, 5);
  EXPECT_EQ(view.filter, "SEN");
  EXPECT_FALSE(view.typing);
  (void)press(view, sample, Key{Key::Kind::escape, ""}, 5);
  EXPECT_EQ(listing_of(sample, view, true).rows.size(), 2U);
}

TEST(TopKeys, ALettersKeyWhileTypingIsText) {
  View view;
  const Sample sample = some_sample();
  (void)press(view, sample, letter('/'), 5);
  EXPECT_EQ(press(view, sample, letter('q'), 5).kind, Request::Kind::nothing);
  EXPECT_EQ(view.filter, "q");
}

TEST(TopKeys, SortingGoesColumnByColumnTheGreatestNumberFirst) {
  View view = at(Page::running);
  const Sample sample = some_sample();
  for (int i = 0; i < 3; ++i) (void)press(view, sample, letter('s'), 5);
  EXPECT_EQ(listing_of(sample, view, true).rows[0].cells[2].text, "3/4");
  (void)press(view, sample, letter('S'), 5);
  EXPECT_EQ(listing_of(sample, view, true).rows[0].cells[2].text, "1/4");
}

TEST(TopKeys, NothingIsDoneBeforeAYes) {
  View view = at(Page::running);
  const Sample sample = some_sample();
  (void)press(view, sample, Key{Key::Kind::down, ""}, 5);
  EXPECT_EQ(press(view, sample, letter('c'), 5).kind, Request::Kind::nothing);
  EXPECT_THAT(text_of(render(sample, view, small())),
              HasSubstr("Cancel " + sample.running[1].id.str() + "?"));
  EXPECT_EQ(press(view, sample, letter('n'), 5).kind, Request::Kind::nothing);
  EXPECT_FALSE(view.question);
  (void)press(view, sample, letter('c'), 5);
  const Request request = press(view, sample, letter('y'), 5);
  EXPECT_EQ(request.kind, Request::Kind::cancel);
  EXPECT_EQ(request.job, sample.running[1].id);
}

TEST(TopKeys, OnlyWhatFailedRunsAgainAndOnlyWhatRunsIsCancelled) {
  const Sample sample = some_sample();
  View view = at(Page::running);
  (void)press(view, sample, letter('r'), 5);
  EXPECT_FALSE(view.question);
  EXPECT_THAT(view.notice, HasSubstr("can be run again"));
  view = at(Page::failed);
  (void)press(view, sample, letter('c'), 5);
  EXPECT_FALSE(view.question);
  EXPECT_THAT(view.notice, HasSubstr("It has ended"));
  (void)press(view, sample, letter('r'), 5);
  EXPECT_EQ(press(view, sample, letter('y'), 5).kind, Request::Kind::retry);
}

TEST(TopKeys, APausedQueueIsResumedAndAnotherPaused) {
  const Sample sample = some_sample();
  View view;
  (void)press(view, sample, letter('P'), 5);
  Request request = press(view, sample, letter('y'), 5);
  EXPECT_EQ(request.kind, Request::Kind::pause);
  EXPECT_EQ(request.queue, "default");
  (void)press(view, sample, Key{Key::Kind::down, ""}, 5);
  (void)press(view, sample, letter('P'), 5);
  request = press(view, sample, letter('y'), 5);
  EXPECT_EQ(request.kind, Request::Kind::resume);
  EXPECT_EQ(request.queue, "报表");
}

TEST(TopKeys, PagesGoRound) {
  View view;
  const Sample sample = some_sample();
  (void)press(view, sample, Key{Key::Kind::back_tab, ""}, 5);
  EXPECT_EQ(view.page, Page::tasks);
  (void)press(view, sample, Key{Key::Kind::tab, ""}, 5);
  EXPECT_EQ(view.page, Page::queues);
  (void)press(view, sample, letter('3'), 5);
  EXPECT_EQ(view.page, Page::failed);
}

}  // namespace
}  // namespace coterie::cli::top
