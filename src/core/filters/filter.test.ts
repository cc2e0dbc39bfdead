import { expect, test } from "bun:test"
import { Failure } from "../../errors/failure.ts"
import { anyOf, labelAt } from "./filter.ts"
import { parseFilter } from "./parse.ts"

test.each([
  ["name==foo", [{ path: ["name"], operator: "==", value: "foo" }]],
  ["labels.foo", [{ path: ["labels", "foo"], operator: "present", value: "" }]],
  [
    'labels."very complex label"==something',
    [{ path: ["labels", "very complex label"], operator: "==", value: "something" }],
  ],
  [
    " name == foo , labels.bar ",
    [
      { path: ["name"], operator: "==", value: "foo" },
      { path: ["labels", "bar"], operator: "present", value: "" },
    ],
  ],
  ["name!=a=b.c/d", [{ path: ["name"], operator: "!=", value: "a=b.c/d" }]],
  ["topic~=|^/tasks/|", [{ path: ["topic"], operator: "~=", value: "^/tasks/" }]],
  ["name~=/a\\/b\\\\d/", [{ path: ["name"], operator: "~=", value: "a/b\\d" }]],
  ['name=="a,\\"b\\x41\\u00e9\\101\\n"', [{ path: ["name"], operator: "==", value: 'a,"bAéA\n' }]],
] as const)("the filter %j is read", (text, selectors) => {
  expect(parseFilter(text)).toEqual(selectors as never)
})

test.each([
  ["name=foo", "expected ==, != or ~="],
  ["name==", "expected a value"],
  ["=x", "expected a field"],
  ["name.", "expected a field"],
  ["name==a b", "expected a comma"],
  ["name==/x/", "expected a value"],
  ['name=="x', "a quoted text is not ended"],
  ['name=="\\q"', "illegal escape sequence"],
  ["a,", "expected a field"],
])("the filter %j is refused", (text, why) => {
  const thrown = catching(() => parseFilter(text))
  expect(thrown).toMatchObject({ kind: "invalidArgument" })
  expect(thrown?.message).toContain(why)
})

test("an object matches when all selectors of one filter do", () => {
  const object = { name: "web", labels: { "a.b": "1" } }
  const field = ([first, ...path]: readonly string[]) =>
    first === "labels" ? labelAt(object.labels, path) : first === "name" ? object.name : undefined
  const matches = (...filters: readonly string[]) => anyOf(filters)(field)
  expect(matches()).toBe(true)
  expect(matches("")).toBe(true)
  expect(matches("name==web,labels.a.b==1")).toBe(true)
  expect(matches("name==web,labels.a.b==2")).toBe(false)
  expect(matches("name==db", "name~=^w")).toBe(true)
  expect(matches("other")).toBe(false)
  expect(matches("other!=x")).toBe(true)
  expect(catching(() => anyOf(["name~=("]))).toMatchObject({ kind: "invalidArgument" })
})

function catching(work: () => unknown): Failure | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
}
