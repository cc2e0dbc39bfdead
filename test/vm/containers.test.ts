import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { containerSuite } from "../suites/containers.ts"

const inTestMachine = process.env["BARGE_TEST_VM"] === "1"

test.skipIf(!inTestMachine)(
  "the test machine has pure cgroup v2 (elsewhere this file has nothing to say: run npm run test:vm)",
  () => {
    expect(readFileSync("/proc/self/cgroup", "utf8").trim().split("\n")).toHaveLength(1)
  },
)

if (inTestMachine) containerSuite("barge")
