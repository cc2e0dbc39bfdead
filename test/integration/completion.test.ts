import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { dirname } from "node:path"
import { executable, runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { note } from "../fixtures/docker-cli.ts"

/** A test that needs a shell which not everybody has. */
const onlyWith = (shell: string) => {
  const reason = Bun.which(shell) ? undefined : `${shell} is not installed`
  return (name: string, run: () => Promise<void>) => test.skipIf(reason !== undefined)(`${name}${note(reason)}`, run)
}

describe("completion", () => {
  let daemon: TestDaemon
  beforeAll(async () => {
    daemon = await TestDaemon.start()
    await daemon.bootstrap()
    await daemon.barge("create", "--name", "web", "busybox")
    await daemon.barge("volume", "create", "data")
  })
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
  })

  /** What stands in the place of the last word: each line a word, with a tab before what it means. */
  const after = async (...words: string[]): Promise<readonly string[]> => {
    const { stdout } = await runProgram(executable, ["__complete", "--", ...words], {
      env: { BARGE_HOST: `unix://${daemon.socket}`, HOME: daemon.root },
    })
    return stdout.split("\n").filter((line) => line !== "")
  }
  const words = async (...line: string[]) => (await after(...line)).map((each) => each.split("\t")[0])

  test("commands come with what they do", async () => {
    expect(await after("netw")).toEqual(["network\tManage networks"])
    expect(await after("network", "conn")).toEqual(["connect\tConnect a container to a network"])
  })

  test("arguments are the daemon's objects, each in its place", async () => {
    expect(await words("start", "")).toEqual(["web"])
    expect(await words("exec", "")).toEqual([])
    expect(await words("run", "busy")).toEqual(["busybox", "busybox:latest"])
    expect(await words("volume", "rm", "")).toEqual(["data"])
    expect(await words("network", "connect", "")).toEqual(["bridge", "host", "none"])
    expect(await words("network", "connect", "bridge", "")).toEqual(["web"])
    expect(await words("context", "use", "")).toEqual(["default"])
  })

  test("flags come with their meaning, their values as far as they are known", async () => {
    expect(await after("ps", "--no-t")).toEqual(["--no-trunc\tDon't truncate output"])
    expect(await words("run", "--restart", "on")).toEqual(["on-failure"])
    expect(await words("run", "--restart=on")).toEqual(["--restart=on-failure"])
    expect(await words("ps", "--filter", "na")).toEqual(["name="])
    expect(await words("images", "-f", "d")).toEqual(["dangling="])
    expect(await words("run", "--cap-add", "CAP_SYS_T")).toEqual(["CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG"])
    expect(await words("run", "--network", "")).toEqual(["bridge", "host", "none"])
    expect(await words("cp", "")).toEqual([":files"])
  })

  test("bash completes with the script", async () => {
    const script = `source <("$1" completion bash)
      COMP_WORDS=("$1" network ins); COMP_CWORD=2; _barge_complete; echo "\${COMPREPLY[@]}"
      COMP_WORDS=("$1" start w); COMP_CWORD=2; _barge_complete; echo "\${COMPREPLY[@]}"`
    const { stdout, stderr } = await runProgram("bash", ["-c", script, "bash", executable], {
      env: { BARGE_HOST: `unix://${daemon.socket}` },
    })
    expect({ stdout, stderr }).toEqual({ stdout: "inspect\nweb\n", stderr: "" })
  })

  const withBarge = () => ({
    BARGE_HOST: `unix://${daemon.socket}`,
    PATH: `${dirname(executable)}:${process.env["PATH"]}`,
    HOME: daemon.root,
  })

  onlyWith("zsh")("zsh completes with the script", async () => {
    // What compsys would do with candidates is to show them.
    const script = `compdef() { }; _describe() { print -l -- "\${(@P)2}" }; _files() { print files }
      source <(barge completion zsh)
      words=(barge network ins); CURRENT=3; _barge
      words=(barge start w); CURRENT=3; _barge
      words=(barge cp ""); CURRENT=3; _barge`
    const { stdout, stderr } = await runProgram("zsh", ["-f", "-c", script], {
      env: withBarge(),
    })
    expect({ stdout, stderr }).toEqual({
      stdout: "inspect:Display detailed information on one or more networks\nweb:busybox, Created\nfiles\n",
      stderr: "",
    })
  })

  onlyWith("fish")("fish completes with the script", async () => {
    const script = `barge completion fish | source
      complete -C "barge network ins"; complete -C "barge start "; complete -C "barge volume rm d"`
    const { stdout, stderr } = await runProgram("fish", ["-N", "-c", script], {
      env: withBarge(),
    })
    expect({ stdout, stderr }).toEqual({
      stdout: "inspect\tDisplay detailed information on one or more networks\nweb\tbusybox, Created\ndata\tlocal\n",
      stderr: "",
    })
  })
})
