import { expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkpointFailure } from "./checkpoint-failure.ts"
import type { RuntimeInfo } from "./contract.ts"

const info = { name: "runc" } as RuntimeInfo
const log = JSON.stringify({ level: "error", msg: "criu failed: type NOTIFY errno 0\nlog file: /criu/dump.log" })

test("CRIU's first complaints are told, not that it gives up, and where its log is", () => {
  const work = mkdtempSync(join(tmpdir(), "criu-"))
  writeFileSync(
    join(work, "dump.log"),
    `(00.000000) Version: 3.17.1 (gitid 0)
(00.300000) Warn  (criu/kerndat.c:1103): $XDG_RUNTIME_DIR not set
(01.100000) Error (criu/util.c:642): exited, status=1
(01.200000) Error (criu/sk-inet.c:188): inet: Connected TCP socket, consider using --tcp-established option.
(01.300000)     11: Error (criu/files-reg.c:2124): File file has bad size 18 (expect 6)
(01.400000) Error (criu/cr-dump.c:1669): Dump files (pid: 6219) failed with -1
(01.500000) Error (criu/cr-dump.c:2093): Dumping FAILED.
`,
  )
  expect(checkpointFailure({ info, verb: "checkpoint", log, work }).message).toBe(
    "runc checkpoint failed: criu failed: type NOTIFY errno 0: inet: Connected TCP socket, consider using --tcp-established option.; " +
      `File file has bad size 18 (expect 6); CRIU's log is ${work}/dump.log`,
  )
  rmSync(work, { recursive: true })
})

test("a runtime that did not come to CRIU is told in its own words alone", () => {
  const failure = checkpointFailure({ info, verb: "restore", log: undefined, work: "/no/such" })
  expect(failure.message).toBe("runc restore failed: it said nothing")
})
