import { expect, test } from "bun:test"
import { commandsToExcept, commandsToForget, forwardChainOf } from "./forward-chain.ts"

const name = "BARGE-b0"
const jump = '-m comment --comment "barge b0: the table barge_b0 of nftables decides about these" -j BARGE-b0'
const own = [`:${name} - [0:0]`, `-A ${name} -i b0 -j ACCEPT`, `-A ${name} -o b0 -j ACCEPT`]
const saved = (policy: string, ...rules: string[]) =>
  ["*filter", `:FORWARD ${policy} [0:0]`, ...rules, "COMMIT"].join("\n")
const commands = (text: string) => commandsToExcept(forwardChainOf(text, name), name, "b0", ["b0"])

test("a chain that accepts what no rule decides is one without drops", () => {
  expect(forwardChainOf(saved("ACCEPT", "-A FORWARD -s 192.0.2.1/32 -j DROP"), name).drops).toBe(false)
  expect(forwardChainOf(saved("DROP"), name).drops).toBe(true)
  expect(forwardChainOf(saved("ACCEPT", "-A FORWARD -j REJECT --reject-with icmp-host-prohibited"), name).drops).toBe(
    true,
  )
})

test("the exception stands behind rules of others, so that what they drop on purpose stays dropped", () => {
  expect(commands(saved("DROP", "-A FORWARD -j ufw-before-forward"))).toEqual([...own, `-A FORWARD ${jump}`])
})

test("the exception stands before a rule that rejects everything, and moves there when it came behind it", () => {
  const rules = ["-A FORWARD -j DOCKER-USER", "-A FORWARD -j REJECT --reject-with icmp-host-prohibited"]
  expect(commands(saved("ACCEPT", ...rules))).toEqual([...own, `-I FORWARD 2 ${jump}`])
  const behind = saved("ACCEPT", ...rules, `-A FORWARD ${jump}`, ...own)
  expect(commands(behind)).toEqual([...own, "-D FORWARD 3", `-I FORWARD 2 ${jump}`])
})

test("an exception that is there is not written again; one for other bridges is written anew, its place kept", () => {
  const there = saved("DROP", `-A FORWARD ${jump}`, ...own)
  expect(commands(there)).toBeUndefined()
  const chain = forwardChainOf(there, name)
  expect(commandsToExcept(chain, name, "b0", ["b1"])).toEqual([
    own[0]!,
    `-A ${name} -i b1 -j ACCEPT`,
    `-A ${name} -o b1 -j ACCEPT`,
  ])
  expect(commandsToForget(chain, name)).toEqual([own[0]!, "-D FORWARD 1", `-X ${name}`])
})

test("where nothing of the exception is there, nothing is removed", () => {
  expect(commandsToForget(forwardChainOf(saved("DROP"), name), name)).toBeUndefined()
})
