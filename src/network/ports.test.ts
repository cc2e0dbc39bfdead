import { expect, test } from "bun:test"
import { createServer } from "node:net"
import { freePort } from "../../test/fixtures/free-port.ts"
import type { PortBinding } from "./contract.ts"
import { Ports } from "./ports.ts"

const tcp = (hostPort: number, more: Partial<PortBinding> = {}): PortBinding => ({
  protocol: "tcp",
  containerPort: 80,
  hostIp: "0.0.0.0",
  hostPort,
  ...more,
})

test("a taken port is refused in Docker's words, naming the container that has it", async () => {
  const ports = new Ports()
  const port = await freePort()
  const [bound] = ports.take("web", [tcp(port)])
  expect(bound).toEqual({ protocol: "tcp", containerPort: 80, hostIp: "0.0.0.0", hostPort: port })
  expect(() => ports.take("other", [tcp(port)])).toThrow(
    `Bind for 0.0.0.0:${port} failed: port is already allocated (by container web`,
  )
  expect(() => ports.take("other", [tcp(port, { hostIp: "127.0.0.1" })])).toThrow("port is already allocated")
  ports.release("web", [bound!])
  expect(ports.take("other", [tcp(port, { hostIp: "127.0.0.1" })])[0]!.hostPort).toBe(port)
  ports.close()
})

test("a port that a program of the host listens on is refused", async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as { port: number }
  const ports = new Ports()
  expect(() => ports.take("web", [tcp(port)])).toThrow("already allocated (by a program on this host")
  await new Promise((resolve) => server.close(resolve))
  ports.close()
})

test("when one port cannot be had none is kept", async () => {
  const ports = new Ports()
  const [one, two] = [await freePort(), await freePort()]
  ports.take("web", [tcp(two)])
  expect(() => ports.take("other", [tcp(one), tcp(two)])).toThrow("port is already allocated")
  expect(ports.take("third", [tcp(one)])[0]!.hostPort).toBe(one)
  ports.close()
})

test("a range gives its first free port, port 0 a port of the ephemeral range, each its own", async () => {
  const start = await freePort(10)
  const ports = new Ports(false, [start, start + 9])
  const first = ports.take("a", [tcp(start, { hostPortEnd: start + 9 })])[0]!.hostPort
  const second = ports.take("b", [tcp(start, { hostPortEnd: start + 9 })])[0]!.hostPort
  const third = ports.take("c", [tcp(0)])[0]!.hostPort
  const all = [first, second, third]
  expect(new Set(all).size).toBe(3)
  for (const port of all) expect(port >= start && port <= start + 9).toBe(true)
  ports.close()
})

test("an address that the host does not have is named in the refusal", () => {
  const ports = new Ports()
  expect(() => ports.take("a", [tcp(8080, { hostIp: "192.0.2.250" })])).toThrow("cannot assign requested address")
  expect(() => ports.take("a", [tcp(8080, { hostIp: "nowhere" })])).toThrow("not an IP address")
  ports.close()
})

test("without an address a port is taken on IPv4 and IPv6, the same number, and refused when one family has it", async () => {
  const ports = new Ports()
  const [port, other] = [await freePort(), await freePort()]
  const bound = ports.take("web", [tcp(port, { hostIp: "" })])
  expect(bound.map(({ hostIp, hostPort }) => [hostIp, hostPort])).toEqual([
    ["0.0.0.0", port],
    ["::", port],
  ])
  expect(() => ports.take("other", [tcp(port, { hostIp: "::1" })])).toThrow(`Bind for [::1]:${port} failed`)
  ports.take("six", [tcp(other, { hostIp: "::1" })])
  expect(() => ports.take("both", [tcp(other, { hostIp: "" })])).toThrow(`Bind for [::]:${other} failed`)
  expect(ports.take("four", [tcp(other)])[0]!.hostPort).toBe(other)
  ports.close()
})
