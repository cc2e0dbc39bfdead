import { expect, test } from "bun:test"
import { appArmorProfile } from "./security.ts"

const loaded = { enabled: true, defaultProfile: "barge-default" }

test("a container is confined by the profile it asks for, else by the default; privileged ones by none", () => {
  const profile = (
    asked: string | undefined,
    privileged = false,
    host: Parameters<typeof appArmorProfile>[1] = loaded,
  ) => appArmorProfile({ privileged, ...(asked === undefined ? {} : { apparmor: asked }) }, host)
  expect(profile(undefined)).toBe("barge-default")
  expect(profile("mine")).toBe("mine")
  expect(profile("unconfined")).toBeUndefined()
  expect(profile(undefined, true)).toBeUndefined()
  expect(profile("mine", true)).toBe("mine")
  expect(profile("mine", false, { enabled: false })).toBeUndefined()
  expect(profile(undefined, false, { enabled: true, reason: "no parser" })).toBeUndefined()
})
