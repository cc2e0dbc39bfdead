import { expect, test } from "bun:test"
import { familiar } from "../../oci/reference.ts"
import { glob } from "./glob.ts"
import { newName } from "./names.ts"

test("a pattern's star stops at a slash, as in Go", () => {
  expect(glob("busy*", "busybox")).toBe(true)
  expect(glob("*", "user/app")).toBe(false)
  expect(glob("*/*", "user/app")).toBe(true)
  expect(glob("b?sybox:[a-l]*", "busybox:latest")).toBe(true)
  expect(glob("b[^u]x", "bux")).toBe(false)
  expect(glob("a\\*b", "a*b")).toBe(true)
  expect(glob("a.b", "axb")).toBe(false)
  expect(() => glob("[", "[")).toThrow("syntax error in pattern")
})

test("a new name gets a tag, and a tag of its own wins", () => {
  expect(familiar(newName("app", undefined))).toBe("app:latest")
  expect(familiar(newName("localhost:5000/app:1", "2"))).toBe("localhost:5000/app:2")
})

test("names that would be ambiguous, reserved or malformed are refused", () => {
  for (const [repository, tag, message] of [
    [`app@sha256:${"a".repeat(64)}`, undefined, "refusing to create a tag with a digest reference"],
    ["sha256", "x", "refusing to create an ambiguous tag using digest algorithm as name"],
    ["scratch", undefined, "'scratch' is a reserved name"],
    ["Foo", undefined, "repository name (library/Foo) must be lowercase"],
    ["app", "a b", "invalid tag format"],
    ["ab".repeat(32), undefined, "cannot specify 64-byte hexadecimal strings"],
    ["", undefined, "invalid reference format"],
  ] as const) {
    expect(() => newName(repository, tag)).toThrow(message)
  }
})
