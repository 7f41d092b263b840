#!/usr/bin/env node
// A program for Node that keeps itself up to date, through the updater beside it. Under Electron it asks in a dialog and
// quits by `app.quit()`; the rest is the same.
//
// Its work is to note version, second argument, folder, the variable MARK and the version it was updated from in the
// file named by its first argument.
'use strict';
const { execFile, spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const readline = require('readline');

const electron = process.versions.electron ? require('electron') : null;
const here = electron ? path.dirname(electron.app.getPath('exe')) : __dirname;
const updater = path.join(here, 'updater', process.platform === 'win32' ? 'updater.exe' : 'updater');
const from = process.env.UPDRAFT_UPDATED_FROM || '';
const args = process.argv.slice(electron && electron.app.isPackaged ? 1 : 2);
// The check has its own, shorter limit (check.timeout in updater.json); this one is for an updater that hangs.
const limit = { timeout: 60000, windowsHide: true };

// The offer of a new version, or null. Whatever goes wrong, the program goes on as it is.
function check() {
  return new Promise((resolve) => {
    execFile(updater, ['check', '--json'], limit, (error, said) => {
      if (!error) return resolve(null);
      if (error.code !== 10 && error.code !== 11) {
        console.error('cannot check for updates:', error.code);
        return resolve(null);
      }
      try {
        resolve(JSON.parse(said));
      } catch (damaged) {
        console.error('cannot read the answer:', damaged.message);
        resolve(null);
      }
    });
  });
}

// Starts the updater, which waits for this process to end, updates, and starts the program again. False if it could not
// be started.
function handOver() {
  const words = ['--wait-pid', String(process.pid), '--cwd', process.cwd(), '--', ...args];
  return new Promise((resolve) => {
    const child = spawn(updater, words, { detached: true, stdio: 'ignore' });
    child.on('error', (error) => {
      console.error('cannot hand over:', error.message);
      resolve(false);
    });
    child.on('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

// Says that this version runs well, once the program is usable.
function confirm() {
  return new Promise((resolve) => execFile(updater, ['confirm'], limit, () => resolve()));
}

// Asks in a dialog or in the terminal; elsewhere the updater asks in its window.
async function agrees(offer) {
  const question = `Version ${offer.release.version} is here. Update now?`;
  if (electron) {
    const answer = await electron.dialog.showMessageBox({ message: question, buttons: ['Update', 'Later'], cancelId: 1 });
    return answer.response === 0;
  }
  if (!process.stdin.isTTY) return true;
  const ask = readline.createInterface({ input: process.stdin, output: process.stdout });
  const answer = await new Promise((resolve) => ask.question(question + ' [Y/n] ', resolve));
  ask.close();
  return answer.trim().toLowerCase() !== 'n';
}

function work(version) {
  if (!args[0]) return;
  const line = [version, args[1] || '', process.cwd(), process.env.MARK || '', from].join('\t');
  fs.appendFileSync(args[0], line + '\n');
}

async function main() {
  if (electron) await electron.app.whenReady();
  const version = fs.readFileSync(path.join(here, 'version'), 'utf8').trim();
  console.log('MyApp', version);
  if (from) console.log('updated from', from);
  const offer = await check();
  const wanted = offer && (offer.urgency === 'forced' || (await agrees(offer)));
  if (!wanted || !(await handOver())) {
    work(version);
    await confirm();
  }
  if (electron) electron.app.quit();
}

main();
