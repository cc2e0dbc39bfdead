import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { executable, TestDaemon } from "../fixtures/daemon.ts"
import { note, otherWords } from "../fixtures/docker-cli.ts"
import { UserTerminal } from "../fixtures/terminal.ts"

const prompt = /\/ # /
const detach = "\u0010\u0011"
const interrupt = "\u0003"
const waiting = "trap 'echo told; exit 9' INT; trap 'echo ended; exit 8' TERM; echo ready; while :; do sleep 0.1; done"

/** What a user does at a terminal, through one of the two command lines. */
export function terminalSuite(client: "docker" | "barge"): void {
  const reason = client === "docker" ? otherWords : undefined
  describe.skipIf(reason !== undefined)(`at a terminal, through ${client}${note(reason)}`, () => {
    let daemon: TestDaemon
    beforeAll(async () => {
      daemon = await TestDaemon.start()
      await daemon.bootstrap()
    })
    afterAll(async () => {
      await daemon?.[Symbol.asyncDispose]()
    })

    const at = (...args: string[]) =>
      new UserTerminal([client === "docker" ? "docker" : executable, ...args], {
        env: { DOCKER_HOST: `unix://${daemon.socket}`, BARGE_HOST: `unix://${daemon.socket}`, HOME: daemon.root },
      })
    /** Asks until the container's terminal has the size. */
    const awaitSize = async (user: UserTerminal, size: string) => {
      for (;;) {
        user.type("stty size\n")
        if ((await user.see(/(\d+ \d+)\r\n/))[1] === size) return
      }
    }

    test("run -it gives a shell as large as the terminal, follows its size, and ends with the shell's code", async () => {
      await using user = at("run", "-it", "--rm", "busybox", "sh")
      await user.see(prompt)
      await awaitSize(user, "24 80")
      user.resize(100, 30)
      await awaitSize(user, "30 100")
      user.type("exit 7\n")
      expect(await user.ended).toBe(7)
    })

    test("lines of a program on a terminal arrive as it wrote them, without further carriage returns", async () => {
      await using user = at("run", "-it", "--rm", "busybox", "sh", "-c", "stty -onlcr; printf 'a\\nb\\n[end]'")
      expect((await user.see(/a[^a]*\[end\]/))[0]).toBe("a\nb\n[end]")
      expect(await user.ended).toBe(0)
    })

    test("ctrl-p ctrl-q leaves a container running; attach and start -ai come back to it", async () => {
      {
        await using user = at("run", "-it", "--name", "kept", "busybox", "sh")
        await user.see(prompt)
        user.type("word=same\n")
        await user.see(prompt)
        user.type(detach)
        expect(await user.ended).toBe(0)
      }
      {
        await using user = at("attach", "kept")
        user.type("echo the $word\n")
        await user.see(/the same\r\n/)
        user.type(detach)
        await user.see(/read escape sequence/)
        expect(await user.ended).toBe(1)
      }
      {
        await using user = at("attach", "--detach-keys", "ctrl-x,d", "kept")
        user.type(`echo ${detach}x\n`)
        await user.see(/echo/)
        user.type("\u0018d")
        await user.see(/read escape sequence/)
        expect(await user.ended).toBe(1)
      }
      {
        await using user = at("attach", "kept")
        user.type("\nexit 3\n")
        expect(await user.ended).toBe(3)
      }
      await using user = at("start", "-ai", "kept")
      await user.see(prompt)
      user.type("exit 4\n")
      expect(await user.ended).toBe(4)
    })

    test("ctrl-c reaches what runs in the container's terminal, not the client", async () => {
      await using user = at("run", "-it", "--rm", "busybox", "sh", "-c", waiting)
      await user.see(/ready/)
      user.type(interrupt)
      await user.see(/told/)
      expect(await user.ended).toBe(9)
    })

    test("without a terminal of its own a container gets the client's signals", async () => {
      await using user = at("run", "--rm", "busybox", "sh", "-c", waiting)
      await user.see(/ready/)
      user.type(interrupt)
      await user.see(/told/)
      expect(await user.ended).toBe(9)
    })

    test("run -t passes a SIGTERM of the client on", async () => {
      await using user = at("run", "--rm", "-t", "busybox", "sh", "-c", waiting)
      await user.see(/ready/)
      user.signal("SIGTERM")
      await user.see(/ended/)
      expect(await user.ended).toBe(8)
    })

    test("run -i without -t reads lines from the terminal until ctrl-d", async () => {
      await using user = at("run", "-i", "--rm", "busybox", "cat")
      user.type("hello\n")
      await user.see(/hello\r\nhello\r\n/)
      user.type("\u0004")
      expect(await user.ended).toBe(0)
    })

    test("exec -it is a terminal too: size, code, and keys that detach", async () => {
      await daemon.docker("run", "-d", "--name", "host", "busybox", "sleep", "1000")
      {
        await using user = at("exec", "-it", "host", "sh")
        await user.see(prompt)
        await awaitSize(user, "24 80")
        user.resize(90, 20)
        await awaitSize(user, "20 90")
        user.type("exit 5\n")
        expect(await user.ended).toBe(5)
      }
      await using user = at("exec", "-it", "host", "sh")
      await user.see(prompt)
      user.type(detach)
      await user.see(/read escape sequence/)
      expect(await user.ended).toBe(1)
    })

    test("attach --no-stdin and logs -f end with ctrl-c, the one with the container's code, the other with 130", async () => {
      await daemon.docker("run", "-d", "--name", "waits", "busybox", "sh", "-c", waiting)
      {
        await using user = at("logs", "-f", "waits")
        await user.see(/ready/)
        user.type(interrupt)
        expect(await user.ended).toBe(130)
      }
      await using user = at("attach", "--no-stdin", "waits")
      // What the container prints from now on shows that the client is attached.
      await daemon.docker("exec", "waits", "sh", "-c", "echo attached > /proc/1/fd/1")
      while (!/attached/.test(user.text)) {
        await Bun.sleep(50)
        await daemon.docker("exec", "waits", "sh", "-c", "echo attached > /proc/1/fd/1")
      }
      user.type(interrupt)
      expect(await user.ended).toBe(9)
    })

    test("stats draws from the top left, once per interval, and clears what was there", async () => {
      await daemon.docker("run", "-d", "--name", "measured", "busybox", "sleep", "1000")
      await using user = at("stats", "measured")
      for (let drawing = 0; drawing < 3; drawing++) await user.see(/\u001b\[HCONTAINER ID[\s\S]*?measured/)
      await user.see(/\u001b\[J/)
    })

    test("archives are not written to a terminal, and questions are asked", async () => {
      for (const args of [
        ["save", "busybox"],
        ["export", "none"],
      ]) {
        await using user = at(...args)
        await user.see(/cowardly refusing to save to a terminal\. Use the -o flag or redirect/)
        expect(await user.ended).toBe(1)
      }
      {
        await using user = at("load")
        await user.see(/requested load from stdin, but stdin is empty/)
        expect(await user.ended).toBe(1)
      }
      await using user = at("volume", "prune")
      await user.see(/\[y\/N\] /)
      user.type("y\n")
      await user.see(/Total reclaimed space: 0B/)
      expect(await user.ended).toBe(0)
    })

    test("login asks for name and password, and does not show the password", async () => {
      await using user = at("login", "127.0.0.1:1")
      await user.see(/Username: /)
      user.type("me\n")
      await user.see(/Password: /)
      user.type("hidden\n")
      expect((await user.see(/Error response from daemon/))[0]).not.toContain("hidden")
      expect(await user.ended).toBe(1)
      expect(user.seen).not.toContain("hidden")
    })
  })
}
