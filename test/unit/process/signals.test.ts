import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { listenForSignals } from '../../../src/process/signals.ts';

let source: EventEmitter;
let heard: string[];
let hasLostTerminal: boolean;

beforeEach(() => {
  source = new EventEmitter();
  heard = [];
  hasLostTerminal = false;
  listenForSignals(source, {
    stop: (signal) => void heard.push(`stop ${signal}`),
    exit: (code) => void heard.push(`exit ${code}`),
    reload: () => void heard.push('reload'),
    report: () => void heard.push('report'),
    lostTerminal: () => hasLostTerminal,
  });
});

const send = (...signals: string[]): void => signals.forEach((signal) => source.emit(signal, signal));

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGUSR1'])('%s stops the daemon', (signal) => {
    send(signal);
    expect(heard).toEqual([`stop ${signal}`]);
  });

  it('to stop ends the process at once when it is the second one', () => {
    send('SIGTERM', 'SIGINT', 'SIGTERM');
    expect(heard).toEqual(['stop SIGTERM', 'exit 130', 'exit 143']);
  });

  it('SIGHUP reloads, also while stopping, and does not count as a second one', () => {
    send('SIGHUP', 'SIGTERM', 'SIGHUP');
    expect(heard).toEqual(['reload', 'stop SIGTERM', 'reload']);
  });

  it('SIGHUP stops when the terminal is gone', () => {
    hasLostTerminal = true;
    send('SIGHUP');
    expect(heard).toEqual(['stop SIGHUP']);
  });

  it('SIGUSR2 asks for a report', () => {
    send('SIGUSR2', 'SIGUSR2');
    expect(heard).toEqual(['report', 'report']);
  });
});
