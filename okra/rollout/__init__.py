"""The pure core: `decide(policy, state, observation, now) → Decision`. No I/O, no asyncio, no clock (DESIGN §3, §5)."""
