import { afterAll, beforeAll, expect, test } from "bun:test"
import { type ClientProgram, dockerodeProgram, goProgram, pythonProgram } from "../fixtures/clients.ts"
import { runProgram, TestDaemon } from "../fixtures/daemon.ts"

let daemon: TestDaemon
beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
})

/** Runs a client's life cycle. Every step that went well is a line; what went wrong is on stderr. */
async function lifeCycle({ command: [program, ...args], env }: ClientProgram): Promise<void> {
  const { code, stderr } = await runProgram(program, args, {
    env: { ...env, DOCKER_HOST: `unix://${daemon.socket}`, DOCKER_API_VERSION: "" },
  })
  expect(`${code} ${stderr}`).toBe("0 ")
}

/** A client whose tools or registry are not here: the reason, or undefined when it can be tried. */
async function missing(prepare: () => Promise<ClientProgram>, tool: string): Promise<string | undefined> {
  if (!Bun.which(tool)) return `${tool} is not installed`
  return prepare().then(
    () => undefined,
    (error: Error) => error.message.slice(-300),
  )
}

test("dockerode drives containers, images, volumes and networks through their lives", async () => {
  await lifeCycle(await dockerodeProgram())
})

const noPython = await missing(pythonProgram, "python3")
test.skipIf(noPython !== undefined)(
  `the Python SDK drives containers, images, volumes and networks through their lives${noPython ? ` (${noPython})` : ""}`,
  async () => lifeCycle(await pythonProgram()),
)

const noGo = await missing(goProgram, "go")
test.skipIf(noGo !== undefined)(
  `Docker's Go client drives containers, images, volumes and networks through their lives${noGo ? ` (${noGo})` : ""}`,
  async () => lifeCycle(await goProgram()),
)
