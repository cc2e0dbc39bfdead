import { expect, test } from "bun:test"
import type { Sandbox } from "./contract.ts"
import { type OlderEndpoint, takeOverEndpoints } from "./older-endpoints.ts"

class Kept<T> {
  readonly values = new Map<string, T>()
  put = (key: string, value: T) => void this.values.set(key, value)
  delete = (key: string) => this.values.delete(key)
  all = () => [...this.values]
}

test("an endpoint of a daemon that knew one bridge becomes a sandbox with the same address and ports, once", () => {
  const older = new Kept<OlderEndpoint>()
  const sandboxes = new Kept<Sandbox>()
  older.put("e1", {
    id: "e1",
    containerId: "c1",
    containerName: "web",
    netnsPath: "/run/netns/x",
    hostInterface: "x",
    containerInterface: "eth0",
    macAddress: "02:42:0a:00:00:02",
    ipv4: "10.0.0.2",
    prefixLength: 16,
    gateway: "10.0.0.1",
    ports: [{ protocol: "tcp", containerPort: 80, hostIp: "0.0.0.0", hostPort: 8080 }],
  })
  takeOverEndpoints(older, sandboxes)
  expect(older.all()).toEqual([])
  expect(sandboxes.values.get("c1")).toMatchObject({
    path: "/run/netns/x",
    endpoints: [{ id: "e1", network: "bridge", ipv4: { address: "10.0.0.2", prefixLength: 16, gateway: "10.0.0.1" } }],
    bindings: [{ protocol: "tcp", containerPort: 80, hostIp: "", hostPort: 8080 }],
    ports: [{ hostIp: "0.0.0.0", hostPort: 8080 }],
  })
})
