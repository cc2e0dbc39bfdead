import { expect, test } from "bun:test"
import { runtimeFailure } from "./failure.ts"

const info = {
  name: "crun",
  path: "/usr/bin/crun",
  args: [],
  family: "crun",
  version: "1.8.1",
  cgroupsByUs: true,
  seccompBpf: true,
  checkpoints: false,
  hideUnified: false,
  reason: "",
} as const
const line = (msg: string, level = "error") => JSON.stringify({ msg, level })

test("crun's missing executable becomes the sentence that Docker's CLI turns into 127", () => {
  const log = line("executable file `nope` not found in $PATH: No such file or directory")
  const failure = runtimeFailure({ info, verb: "create", exitCode: 1, log })
  expect(failure.kind).toBe("invalidArgument")
  expect(failure.message).toBe(
    'failed to create task for container: failed to create shim task: OCI runtime create failed: crun create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown',
  )
})

test("warnings before the error are passed over", () => {
  const log = `${line("something odd", "warning")}\n${line("chdir: No such file or directory")}\n`
  expect(runtimeFailure({ info, verb: "exec", exitCode: 1, log }).message).toBe(
    "OCI runtime exec failed: exec failed: unable to start container process: chdir: no such file or directory: unknown",
  )
})

test("a directory to start in that is not there is told in runc's words", () => {
  const log = line("chdir `/nowhere`: No such file or directory")
  expect(runtimeFailure({ info, verb: "exec", exitCode: 1, log }).message).toBe(
    'OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/nowhere") set in config.json failed: no such file or directory: unknown',
  )
})

test("runc's own words stay, as of a create", () => {
  const log = line('runc run failed: unable to start container process: exec: "/etc": permission denied')
  const failure = runtimeFailure({ info: { ...info, name: "runc", family: "runc" }, verb: "create", exitCode: 1, log })
  expect(failure.message).toEndWith(
    'OCI runtime create failed: runc create failed: unable to start container process: exec: "/etc": permission denied: unknown',
  )
  expect(failure.kind).toBe("invalidArgument")
})

test("a runtime that says nothing is reported with its exit code", () => {
  expect(runtimeFailure({ info, verb: "create", exitCode: 139, log: undefined }).message).toContain(
    "ended with code 139",
  )
})
