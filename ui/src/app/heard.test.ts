import { expect, test } from "vitest";
import { noticeOf } from "./heard";

test("what an event has to say is a sentence, and most have nothing to say", () => {
  const refused = { event: "joinFailed", space: "s", reason: "the invitation has expired." } as never;
  expect(noticeOf(refused, "me", false)).toBe("The invitation has expired.");
  expect(noticeOf(refused, "me", true)).toBeNull();
  const forked = (device: string) => noticeOf({ event: "forked", space: "s", device } as never, "me", false);
  expect(forked("me")).toMatch(/Then pair it as a device of its own\.$/u);
  expect(forked("other")).not.toMatch(/pair/u);
  expect(noticeOf({ event: "spaces" }, "me", false)).toBeNull();
});
