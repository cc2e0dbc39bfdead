import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { OwnNetwork } from "../fixtures/own-network.ts"

/** Ports of a bridge that Linux has. */
const ports = 1023
/** How many of them interfaces of nobody take, as a thousand containers would: both ends of pairs, which stay down. */
const fillers = ports - 13

async function fill(network: OwnNetwork, bridge: string): Promise<void> {
  const lines = Array.from({ length: fillers / 2 }, (_, number) => {
    const ends = [`fill${number}`, `lift${number}`]
    return `link add ${ends[0]} type veth peer name ${ends[1]}\n${ends.map((end) => `link set ${end} master ${bridge}\n`).join("")}`
  })
  writeFileSync(join(network.folder, "fill"), lines.join(""))
  await network.run("ip", "-batch", join(network.folder, "fill"))
}

for (const [name, bridgeOf] of [
  ["small", () => "brsmall"],
  ["bridge", (daemon: TestDaemon) => daemon.bridge],
] as const)
  test(`network ${name} has a port for a container up to the last one, then says what is full and what helps`, async () => {
    await using network = await OwnNetwork.make()
    await using daemon = await TestDaemon.start([], network.barge)
    await daemon.bootstrap()
    if (name === "small")
      await daemon.docker("network", "create", "--opt", "com.docker.network.bridge.name=brsmall", "small")
    const run = (number: number, ...more: string[]) =>
      daemon.docker("run", "-d", "--name", `c${number}`, "--network", name, ...more, "busybox", "sleep", "100000")
    const bridge = bridgeOf(daemon)
    const members = async () => (await network.run("ip", "-o", "link", "show", "master", bridge)).split("\n").length

    // Places are kept ready for the next containers: they take ports of the bridge too.
    expect(await run(0)).toMatchObject({ code: 0, stderr: "" })
    await eventually(async () => (await members()) > 2, "places are ready")
    await fill(network, bridge)

    let running = 1
    let last = await run(running)
    for (; last.code === 0; last = await run(running)) running++
    expect(last.stderr).toContain(`network ${name} is full: its bridge ${bridge} has all the 1023 ports`)
    // None of the ports is kept for somebody who has not come yet, and what was refused has left nothing.
    expect(running).toBe(ports - fillers)
    expect(await members()).toBe(ports)
    expect((await daemon.docker("inspect", "-f", "{{.State.Status}}", `c${running}`)).stdout).toBe("created\n")
    // The same as for a subnet without a free address. 429 would make clients ask again.
    expect((await daemon.request("POST", `/containers/c${running}/start`)).status).toBe(500)

    expect((await daemon.docker("rm", "-f", "c0")).code).toBe(0)
    expect(await daemon.docker("start", `c${running}`)).toMatchObject({ code: 0, stderr: "" })
    expect((await daemon.docker("network", "disconnect", name, "c1")).code).toBe(0)
    expect(await daemon.docker("network", "connect", name, "c1")).toMatchObject({ code: 0, stderr: "" })
  })
