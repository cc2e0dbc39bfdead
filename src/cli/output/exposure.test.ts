import { expect, test } from "bun:test"
import type { ExposedPort } from "../../api/exposure.ts"
import { exposureTable } from "./exposure.ts"

const port: ExposedPort = {
  Container: "web",
  Id: "i",
  Network: "bridge",
  Protocol: "tcp",
  HostIp: "0.0.0.0",
  HostPort: 80,
  HostPortEnd: 80,
  ContainerPort: 80,
  Reach: "everyone",
  Firewall: "bypassed",
}

test("a port that a firewall drops is not said to be reached by everyone", () => {
  expect(exposureTable([port])[1]).toContain("everyone who reaches this host")
  const dropped = exposureTable([{ ...port, Firewall: "dropped", Chain: "ip filter FORWARD" }])[1]
  expect(dropped).toContain("dropped by ip filter FORWARD")
  expect(dropped).not.toContain("everyone")
  expect(dropped).toContain("this host")
})

test("a port that the daemon's rule lets through a firewall is said to be reached, with the chain", () => {
  const excepted = exposureTable([{ ...port, Firewall: "excepted", Chain: "ip filter FORWARD" }])[1]
  expect(excepted).toContain("everyone who reaches this host")
  expect(excepted).toContain("rule in ip filter FORWARD")
})
