import { Scope } from "./scope.ts";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Scope", () => {
  it("ends what it owns in reverse order, one after the other", async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.own({ [Symbol.dispose]: () => void order.push("first") });
    scope.own({
      [Symbol.asyncDispose]: async () => {
        await tick();
        order.push("second");
      },
    });
    scope.defer(() => void order.push("third"));
    await scope[Symbol.asyncDispose]();
    expect(order).toEqual(["third", "second", "first"]);
  });

  it("aborts its signal and waits for its tasks before it ends anything", async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.defer(() => void order.push("ended"));
    scope.run(
      async (signal) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await tick();
        order.push("task is over");
      },
      (e) => {
        throw e;
      },
    );
    await scope[Symbol.asyncDispose]();
    expect(order).toEqual(["task is over", "ended"]);
  });

  it("gives the failure of a task to its handler", async () => {
    const failures: unknown[] = [];
    await using scope = new Scope();
    scope.run(
      () => Promise.reject(new Error("broke")),
      (e) => failures.push(e),
    );
    await tick();
    expect(failures).toEqual([new Error("broke")]);
  });

  it("does not report a task that ended with the reason of the scope's own signal", async () => {
    const failures: unknown[] = [];
    const scope = new Scope();
    scope.run(
      (signal) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
      (e) => failures.push(e),
    );
    await scope[Symbol.asyncDispose]();
    expect(failures).toEqual([]);
  });

  it("disposes at once of what comes after its end", async () => {
    const scope = new Scope();
    await scope[Symbol.asyncDispose]();
    let isDisposed = false;
    scope.own({
      [Symbol.dispose]: () => {
        isDisposed = true;
      },
    });
    expect(isDisposed).toBe(true);
  });

  it("waits for what comes while it ends", async () => {
    let isDisposed = false;
    const scope = new Scope();
    scope.defer(() => {
      scope.own({
        [Symbol.asyncDispose]: async () => {
          await tick();
          isDisposed = true;
        },
      });
    });
    await scope[Symbol.asyncDispose]();
    expect(isDisposed).toBe(true);
  });

  it("tries every end even when others fail, and throws all failures", async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.defer(() => Promise.reject(new Error("one")));
    scope.defer(() => void order.push("between"));
    scope.defer(() => {
      throw new Error("two");
    });
    await expect(scope[Symbol.asyncDispose]()).rejects.toThrow("two; one");
    expect(order).toEqual(["between"]);
  });

  it("ends once however often it is disposed of", async () => {
    let ends = 0;
    const scope = new Scope();
    scope.defer(() => void ends++);
    await Promise.all([scope[Symbol.asyncDispose](), scope[Symbol.asyncDispose]()]);
    expect(ends).toBe(1);
  });

  it("aborts with its parent's reason", () => {
    const parent = new AbortController();
    const scope = new Scope(parent.signal);
    parent.abort("why");
    expect(scope.signal.reason).toBe("why");
  });
});
