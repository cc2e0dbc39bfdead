import { afterAll, beforeAll, expect, test } from "bun:test"
import { connect, type Socket } from "node:net"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

let daemon: TestDaemon
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}
const post = (path: string, body?: unknown) => daemon.json<{ Id: string; message: string }>("POST", path, body)

/** A connection of which every byte is seen. */
class Wire {
  readonly socket: Socket
  #seen = Buffer.alloc(0)
  ended = false
  readonly end: Promise<void>

  constructor(head: string) {
    this.socket = connect({ path: daemon.socket, allowHalfOpen: true })
    this.socket.write(head)
    this.socket.on("data", (chunk: Buffer) => {
      this.#seen = Buffer.concat([this.#seen, chunk])
    })
    this.end = new Promise((resolve) =>
      this.socket.on("end", () => {
        this.ended = true
        resolve()
      }),
    )
  }

  get text(): string {
    return this.#seen.toString("latin1")
  }

  get head(): string {
    return this.text.split("\r\n\r\n", 1)[0]!
  }

  get body(): string {
    return this.text.slice(this.head.length + 4)
  }

  async sees(words: string): Promise<void> {
    await eventually(async () => this.text.includes(words), `${JSON.stringify(words)} in ${JSON.stringify(this.text)}`)
  }
}

const request = (path: string, more = "", body = "") =>
  `POST ${path} HTTP/1.1\r\nHost: docker\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`
const frame = (stream: number, text: string) => `${String.fromCharCode(stream, 0, 0, 0, 0, 0, 0, text.length)}${text}`

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

test("a client that asks for no upgrade gets 200 and the raw connection", async () => {
  await out("run", "-di", "--name", "plain", "busybox", "cat")
  const wire = new Wire(request("/containers/plain/attach?stream=1&stdin=1&stdout=1&stderr=1"))
  await wire.sees("\r\n\r\n")
  expect(wire.head).toStartWith("HTTP/1.1 200 OK\r\n")
  expect(wire.head).toContain("Content-Type: application/vnd.docker.raw-stream")
  expect(wire.head).not.toMatch(/content-length|transfer-encoding/i)
  wire.socket.write("success")
  await wire.sees(frame(1, "success"))
  wire.socket.end()
  await out("rm", "-f", "plain")
})

test("a client that asks for an upgrade gets 101; without a terminal the stream is multiplexed, with one it is raw", async () => {
  const types = { plain: "multiplexed-stream", terminal: "raw-stream" }
  for (const [name, type] of Object.entries(types)) {
    await out("run", "-d", ...(name === "terminal" ? ["-t"] : []), "-i", "--name", name, "busybox", "cat")
    const wire = new Wire(
      request(`/v1.42/containers/${name}/attach?stream=1&stdin=1&stdout=1`, "Connection: Upgrade\r\nUpgrade: tcp\r\n"),
    )
    await wire.sees("\r\n\r\n")
    expect(wire.head).toStartWith("HTTP/1.1 101 UPGRADED\r\n")
    expect(wire.head).toContain(`Content-Type: application/vnd.docker.${type}`)
    wire.socket.end()
    await out("rm", "-f", name)
  }
})

test("only the streams asked for are sent, and what was said before only with logs", async () => {
  await out("run", "-di", "--name", "said", "busybox", "sh", "-c", "echo hello; cat >&2")
  await eventually(async () => (await out("logs", "said")) === "hello", "it said hello")
  const errors = new Wire(request("/containers/said/attach?stream=1&stdin=1&stderr=1"))
  await errors.sees("\r\n\r\n")
  const output = new Wire(request("/containers/said/attach?stream=1&stdout=1&logs=1"))
  await output.sees(frame(1, "hello\n"))
  errors.socket.write("oops")
  await errors.sees(frame(2, "oops"))
  expect(errors.text).not.toContain("hello")
  expect(output.text).not.toContain("oops")
  await out("rm", "-f", "said")
  await Promise.all([errors.end, output.end])
})

test("half-closing the connection ends the input once, and the output arrives to its end", async () => {
  const { body } = await post("/containers/create", {
    Image: "busybox",
    Cmd: ["sh", "-c", "wc -c; echo end >&2"],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
  })
  const wire = new Wire(request(`/containers/${body.Id}/attach?stream=1&stdin=1&stdout=1&stderr=1`))
  await wire.sees("\r\n\r\n")
  await out("start", body.Id)
  wire.socket.end("x".repeat(100_000))
  await wire.end
  // Two pipes have no order between them.
  const [out1, out2] = [frame(1, "100000\n"), frame(2, "end\n")]
  expect([out1 + out2, out2 + out1]).toContain(wire.body)
  await out("rm", body.Id)
})

test("attaching to what is not there is told in words of its own", async () => {
  const wire = new Wire(request("/containers/nobody/attach?stream=1"))
  await wire.end
  expect(wire.text).toStartWith("HTTP/1.1 404 Not Found\r\n")
  expect(wire.body).toBe("No such container: nobody\r\n")
  const websocket = await daemon.get("/containers/nobody/attach/ws")
  expect([websocket.status, JSON.parse(websocket.text).message]).toEqual([404, "No such container: nobody"])
})

test("a WebSocket carries both directions", async () => {
  await out("run", "-dit", "--name", "socket", "busybox", "cat")
  const socket = new WebSocket(
    `ws+unix://${daemon.socket}:/containers/socket/attach/ws?stream=1&stdin=1&stdout=1&stderr=1`,
  )
  socket.binaryType = "arraybuffer"
  let heard = ""
  socket.onmessage = ({ data }) => {
    heard += typeof data === "string" ? data : Buffer.from(data as ArrayBuffer).toString()
  }
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = reject
  })
  socket.send("hello")
  await eventually(async () => heard === "hello", "the terminal echoes")
  const closed = new Promise((resolve) => {
    socket.onclose = resolve
  })
  await out("rm", "-f", "socket")
  await closed
})

test("an exec is started with and without an upgrade, and ends with its output", async () => {
  await out("run", "-d", "--name", "host", "busybox", "top")
  for (const upgrade of ["", "Connection: Upgrade\r\nUpgrade: tcp\r\n"]) {
    const { body } = await post("/containers/host/exec", {
      Cmd: ["sh", "-c", "cat && echo end"],
      AttachStdin: true,
      AttachStdout: true,
    })
    const wire = new Wire(request(`/exec/${body.Id}/start`, `Content-Type: application/json\r\n${upgrade}`, "{}"))
    await wire.sees("\r\n\r\n")
    expect(wire.head).toStartWith(upgrade ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n")
    expect(wire.head).toContain("Api-Version: ")
    wire.socket.end("in\n")
    await wire.end
    expect(wire.body.replace(/[^ -~]/g, "")).toBe("inend")
    await eventually(
      async () => (await daemon.get(`/exec/${body.Id}/json`)).text.includes('"ExitCode":0'),
      "it ended well",
    )
  }
  await out("rm", "-f", "host")
})

test("who waits, follows and attaches when a container ends at once misses nothing", async () => {
  for (let round = 0; round < 15; round++) {
    const { body } = await post("/containers/create", {
      Image: "busybox",
      Cmd: ["sh", "-c", "echo out; exit 9"],
      Tty: round % 2 === 0,
    })
    const wire = new Wire(request(`/containers/${body.Id}/attach?stream=1&stdout=1`))
    await wire.sees("\r\n\r\n")
    const wait = daemon.json<{ StatusCode: number }>("POST", `/containers/${body.Id}/wait?condition=next-exit`)
    const resize = post(`/containers/${body.Id}/resize?h=20&w=30`)
    await post(`/containers/${body.Id}/start`)
    expect((await wait).body.StatusCode).toBe(9)
    await wire.end
    expect(wire.body).toContain("out")
    expect([200, 409]).toContain((await resize).status)
    const removed = daemon.json<{ StatusCode: number }>("POST", `/containers/${body.Id}/wait?condition=removed`)
    await daemon.request("DELETE", `/containers/${body.Id}`)
    expect([200, 404]).toContain((await removed).status)
  }
})

test("a client that goes away leaves the container and the next client alone", async () => {
  await out("run", "-di", "--name", "left", "busybox", "cat")
  const first = new Wire(request("/containers/left/attach?stream=1&stdin=1&stdout=1"))
  await first.sees("\r\n\r\n")
  first.socket.destroy()
  const second = new Wire(request("/containers/left/attach?stream=1&stdin=1&stdout=1"))
  await second.sees("\r\n\r\n")
  second.socket.write("still")
  await second.sees(frame(1, "still"))
  await out("rm", "-f", "left")
  await second.end
})
