import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { gunzipSync } from "node:zlib"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { DatagramServer, StreamServer } from "../fixtures/log-servers.ts"

let daemon: TestDaemon

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const run = (driver: string, options: string[], script: string, ...more: string[]) =>
  daemon.docker(
    "run",
    "--log-driver",
    driver,
    ...options.flatMap((option) => ["--log-opt", option]),
    ...more,
    "busybox",
    "sh",
    "-c",
    script,
  )
const refusal = async (Type: string, Config: Record<string, string>) =>
  (
    await daemon.json<{ message: string }>("POST", "/containers/create", {
      Image: "busybox",
      Cmd: ["true"],
      HostConfig: { LogConfig: { Type, Config } },
    })
  ).body.message

describe("syslog", () => {
  test("lines arrive over UDP, TCP and a unix socket, in order, also of a container that is removed at its end", async () => {
    using udp = await DatagramServer.listen()
    await using tcp = await StreamServer.listen()
    await using unix = await StreamServer.listen(`${daemon.root}/syslog.sock`)
    const script = "for i in 1 2 3; do echo line-$i; done; echo last >&2"
    for (const [address, server] of [
      [`udp://127.0.0.1:${udp.port}`, udp],
      [`tcp://127.0.0.1:${tcp.port}`, tcp],
      [`unix://${daemon.root}/syslog.sock`, unix],
    ] as const) {
      const options = [`syslog-address=${address}`, "syslog-format=rfc5424", "syslog-facility=local3", "tag={{.Name}}"]
      expect((await run("syslog", options, script, "--rm", "--name", "writer")).code).toBe(0)
      const text = (await server.until("last")).toString()
      expect([...text.matchAll(/<158>1 \S+ \S+ writer \d+ writer - line-(\d)/g)].map((match) => match[1])).toEqual([
        "1",
        "2",
        "3",
      ])
      expect(text).toMatch(/<155>1 \S+ \S+ writer \d+ writer - last/)
    }
  })

  test("a start fails in Docker's words when nobody listens", async () => {
    const { code, stderr } = await run("syslog", ["syslog-address=tcp://127.0.0.1:1"], "true")
    expect(code).toBe(125)
    expect(stderr).toContain("failed to initialize logging driver: dial tcp 127.0.0.1:1: connect: connection refused")
  })
})

describe("gelf", () => {
  test("messages say what they are about; they are compressed over UDP", async () => {
    using server = await DatagramServer.listen()
    const options = [`gelf-address=udp://127.0.0.1:${server.port}`, "labels=team", "env=STAGE"]
    await run("gelf", options, "echo out; echo err >&2", "--name", "graylogged", "-l", "team=a", "-e", "STAGE=b")
    // Compressed messages have zero bytes of their own.
    for (let ends = 1; server.messages.length < 2; ends++) await server.until("\0", ends)
    const messages = server.messages.map((message) => JSON.parse(gunzipSync(message).toString()))
    expect(messages.find((message) => message.short_message === "out")).toMatchObject({
      version: "1.1",
      level: 6,
      _container_name: "graylogged",
      _image_name: "busybox",
      _command: "sh -c echo out; echo err >&2",
      _team: "a",
      _STAGE: "b",
    })
    expect(messages.find((message) => message.short_message === "err").level).toBe(3)
  })

  test("over TCP they end with a zero byte", async () => {
    await using server = await StreamServer.listen()
    await run("gelf", [`gelf-address=tcp://127.0.0.1:${server.port}`], "echo one; echo two")
    await server.until("\0", 2)
    const parts = server.all.toString().split("\0").filter(Boolean)
    expect(parts.map((part) => JSON.parse(part).short_message)).toEqual(["one", "two"])
  })
})

describe("fluentd", () => {
  test("events have tag, source and extra fields; acknowledgements are waited for", async () => {
    await using server = await StreamServer.listen(0, (bytes) => {
      // {"ack": chunk}, the chunk being the last 24 characters of a message.
      const chunk = bytes.subarray(bytes.length - 24)
      if (bytes.subarray(bytes.length - 30, bytes.length - 24).toString("latin1") !== "chunk\xb8") return undefined
      return Buffer.concat([Buffer.from([0x81, 0xa3]), Buffer.from("ack"), Buffer.of(0xb8), chunk])
    })
    const options = [`fluentd-address=127.0.0.1:${server.port}`, "fluentd-request-ack=true", "tag=docker.{{.ID}}"]
    const { code } = await run("fluentd", options, "echo first; echo second")
    expect(code).toBe(0)
    const text = (await server.until("second")).toString("latin1")
    expect(text).toMatch(/docker\.[0-9a-f]{12}/)
    for (const word of ["container_id", "container_name", "source", "stdout", "first"]) expect(text).toContain(word)
  })

  test("without a server a start fails, unless it was told to go on", async () => {
    const failed = await run("fluentd", ["fluentd-address=127.0.0.1:1"], "true")
    expect(failed.stderr).toContain(
      "failed to initialize logging driver: dial tcp 127.0.0.1:1: connect: connection refused",
    )
    expect((await run("fluentd", ["fluentd-address=127.0.0.1:1", "fluentd-async=true"], "true")).code).toBe(0)
  })
})

describe("what is sent away", () => {
  test("can be read here, unless that is turned off", async () => {
    await using server = await StreamServer.listen()
    const address = `syslog-address=tcp://127.0.0.1:${server.port}`
    await run("syslog", [address], "echo readable", "--name", "readable")
    expect((await daemon.docker("logs", "readable")).stdout).toBe("readable\n")
    await run("syslog", [address, "cache-disabled=true"], "echo hidden", "--name", "hidden")
    await server.until("hidden")
    expect((await daemon.docker("logs", "hidden")).stderr).toContain(
      "configured logging driver does not support reading",
    )
  })

  test("arrives though the daemon was killed and the server away meanwhile, and the container never waits", async () => {
    const first = await StreamServer.listen()
    const { port } = first
    const script =
      "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo number-$i; [ $i != 10 ] || until [ -e /go ]; do sleep 0.02; done; done; touch /done; sleep 1000"
    await run("syslog", [`syslog-address=tcp://127.0.0.1:${port}`, "tag=t"], script, "-d", "--name", "steady")
    await first.until("number-10")
    await first[Symbol.asyncDispose]()
    await daemon.end("SIGKILL")
    await daemon.startAgain()
    await daemon.docker("exec", "steady", "touch", "/go")
    for (;;) {
      const { code } = await daemon.docker("exec", "steady", "test", "-e", "/done")
      if (code === 0) break
      await pause(20)
    }
    await using second = await StreamServer.listen(port)
    await daemon.docker("restart", "-t", "0", "steady")
    const text = (await second.until("number-2000")).toString()
    const seen = new Set(
      [...(first.all.toString() + text).matchAll(/number-(\d+)\n/g)].map((match) => Number(match[1])),
    )
    expect(seen.size).toBe(2000)
    await daemon.docker("rm", "-f", "steady")
  })
})

describe("a server that takes nothing", () => {
  test("holds up neither the container nor its restart nor its removal", async () => {
    await using server = await StreamServer.listen()
    const script =
      "echo begun; sleep 0.2; head -c 30000000 /dev/zero | tr '\\0' 'x' | fold -w 1000; touch /done; sleep 1000"
    await run("syslog", [`syslog-address=tcp://127.0.0.1:${server.port}`], script, "-d", "--name", "unheard")
    await server.until("begun")
    server.pause()
    while ((await daemon.docker("exec", "unheard", "test", "-e", "/done")).code !== 0) await pause(20)
    expect((await daemon.docker("restart", "-t", "0", "unheard")).code).toBe(0)
    expect((await daemon.docker("rm", "-f", "unheard")).code).toBe(0)
  })
})

describe("options", () => {
  test("are checked at the creation, in Docker's words", async () => {
    for (const absent of ["nowhere", "splunk", "awslogs"]) {
      expect(await refusal(absent, {})).toBe(
        `logger: no log driver named '${absent}' is registered: use one of fluentd, gelf, journald, json-file, local, none, syslog`,
      )
    }
    expect(await refusal("json-file", { nope: "1" })).toBe("unknown log opt 'nope' for json-file log driver")
    expect(await refusal("local", { nope: "1" })).toBe("unknown log opt 'nope' for log driver local")
    expect(await refusal("gelf", {})).toBe("gelf-address is a required parameter")
    expect(await refusal("gelf", { "gelf-address": "http://x:1" })).toBe("gelf: endpoint needs to be TCP or UDP")
    expect(await refusal("gelf", { "gelf-address": "udp://x" })).toBe(
      "gelf: please provide gelf-address as proto://host:port",
    )
    expect(await refusal("gelf", { "gelf-address": "tcp://x:1", "gelf-compression-type": "gzip" })).toBe(
      "compression is only supported on UDP",
    )
    expect(await refusal("syslog", { "syslog-address": "http://x" })).toBe("unsupported scheme: 'http'")
    expect(await refusal("syslog", { "syslog-facility": "shoe" })).toBe("invalid syslog facility")
    expect(await refusal("syslog", { "syslog-format": "x" })).toBe("Invalid syslog format")
    expect(await refusal("fluentd", { "fluentd-address": "corrupt://host" })).toBe(
      "invalid fluentd-address (corrupt://host): unsupported scheme: 'corrupt'",
    )
    expect(await refusal("fluentd", { "fluentd-async-reconnect-interval": "1ms" })).toContain(
      "must be between 100ms and 10s",
    )
    expect(await refusal("json-file", { mode: "sometimes" })).toBe("logger: logging mode not supported: sometimes")
    expect(await refusal("json-file", { "max-buffer-size": "1m" })).toBe(
      "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    )
    expect(await refusal("json-file", { "max-file": "0" })).toBe("max-file cannot be less than 1")
    expect(await refusal("syslog", { "cache-disabled": "perhaps" })).toBe(
      "invalid value for option cache-disabled: perhaps",
    )
    expect(await refusal("json-file", { mode: "non-blocking", "max-buffer-size": "4m" })).toBeUndefined()
    expect(await refusal("none", { whatever: "1" })).toBeUndefined()
  })

  test("who names no driver may choose metadata and read it, whatever the default is", async () => {
    const made = ["run", "--name", "unnamed", "-l", "foo=bar", "--log-opt", "labels=foo", "busybox", "echo", "hello"]
    expect((await daemon.docker(...made)).stdout).toBe("hello\n")
    expect((await daemon.docker("logs", "--details", "unnamed")).stdout).toBe("foo=bar hello\n")
  })

  test("following from a moment to come shows nothing of what comes before it", async () => {
    const script = "echo before; until [ -e /go ]; do sleep 0.05; done; echo after"
    await daemon.docker("run", "-d", "--name", "clock", "busybox", "sh", "-c", script)
    await eventually(async () => (await daemon.docker("logs", "clock")).stdout === "before\n", "it spoke")
    const moment = Date.now() + 600
    const following = daemon.docker("logs", "-f", "--since", (moment / 1000).toFixed(3), "clock")
    await eventually(async () => Date.now() > moment, "the moment has come")
    await daemon.docker("exec", "clock", "touch", "/go")
    expect((await following).stdout).toBe("after\n")
  })

  test("json-file writes what labels, env and tag choose into its file, and details show it", async () => {
    const options = ["labels=team", "env-regex=^ST", "tag={{.Name}}-{{.ImageName}}"]
    await run("json-file", options, "echo x", "--name", "attributed", "-l", "team=a", "-e", "STAGE=b", "-e", "OTHER=c")
    const { body } = await daemon.json<{ LogPath: string }>("GET", "/containers/attributed/json")
    expect(JSON.parse(readFileSync(body.LogPath, "utf8"))).toMatchObject({
      log: "x\n",
      stream: "stdout",
      attrs: { team: "a", STAGE: "b", tag: "attributed-busybox" },
    })
    expect((await daemon.docker("logs", "--details", "attributed")).stdout).toBe("STAGE=b,team=a x\n")
  })

  test("what json-file and local have rotated is compressed and read as before", async () => {
    for (const [driver, options] of [
      ["json-file", ["compress=true"]],
      ["local", []],
    ] as const) {
      const script = "seq 1 3000; exec sleep 1000"
      const bounds = ["max-size=10k", "max-file=100", ...options]
      const { stdout } = await run(driver, bounds, script, "-d", "--name", `rotating-${driver}`)
      const folder = `${daemon.root}/data/containers/${stdout.trim()}`
      const files = () => readdirSync(folder).filter((name) => /\.log\.\d+/.test(name))
      await eventually(
        async () => (await daemon.docker("logs", "-n", "1", `rotating-${driver}`)).stdout === "3000\n",
        "all is written",
      )
      await eventually(
        async () => files().length > 0 && files().every((name) => name.endsWith(".gz")),
        "the rotated files are compressed",
      )
      const numbers = (from: number) => Array.from({ length: 3001 - from }, (_, at) => `${from + at}\n`).join("")
      expect((await daemon.docker("logs", `rotating-${driver}`)).stdout).toBe(numbers(1))
      expect((await daemon.docker("logs", "-n", "1000", `rotating-${driver}`)).stdout).toBe(numbers(2001))
    }
    expect(await refusal("json-file", { compress: "true", "max-file": "1" })).toBe(
      "compress cannot be true when max-file is less than 2 or max-size is not set",
    )
  })
})
