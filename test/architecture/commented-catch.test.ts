import { Linter } from 'eslint';
import { expect, it } from 'vitest';
import commentedCatch from '../../tools/eslint-commented-catch.js';

/** Lines that the rule complains about. */
function complaints(code: string): number[] {
  const config = { plugins: { own: { rules: { catch: commentedCatch } } }, rules: { 'own/catch': 'error' } } as const;
  return new Linter().verify(code, config).map(({ line }) => line);
}

it('complains about a catch that does nothing, or only logs', () => {
  expect(complaints('try { a(); } catch {}')).toEqual([1]);
  expect(complaints('try { a(); } catch (e) { log.warn({ e }, "no"); }')).toEqual([1]);
  expect(complaints('try { a(); } catch (e) { this.deps.log.warn({ e }, "no"); }')).toEqual([1]);
  expect(complaints('a().catch(() => {});')).toEqual([1]);
  expect(complaints('a().catch(() => undefined);')).toEqual([1]);
  expect(complaints('a().catch((e) => log.warn({ e }, "no"));')).toEqual([1]);
});

it('accepts it with a comment inside or above', () => {
  expect(complaints('try { a(); } catch {\n// It is optional.\n}')).toEqual([]);
  expect(complaints('// It is optional.\na().catch(() => undefined);')).toEqual([]);
  expect(complaints('function f() {\n// It is optional.\nreturn b(a().catch(() => undefined));\n}')).toEqual([]);
});

it('does not complain about a catch that acts on the error', () => {
  expect(complaints('function f() { try { a(); } catch { return null; } }')).toEqual([]);
  expect(complaints('try { a(); } catch (e) { throw new Error("no", { cause: e }); }')).toEqual([]);
  expect(complaints('try { a(); } catch (e) { log.warn({ e }, "no"); failed = true; }')).toEqual([]);
  expect(complaints('a().catch(reject);')).toEqual([]);
  expect(complaints('a().catch((e) => retry(e));')).toEqual([]);
});
