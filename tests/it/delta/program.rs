//! Programs made up for tests: functions that call each other and use data, linked as ELF, PE and Mach-O for x86-64
//! and aarch64.

mod arm;
mod macho;
mod pe;

use std::collections::HashMap;

/// Random numbers that are the same everywhere (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

#[derive(Clone)]
enum Step {
    Plain(Vec<u8>),
    Call(u64),
    Load(u64),
    Store(u64),
    Switch(Vec<u64>),
    /// A variable in the frame of the function, by its number.
    Variable(u32),
}

/// A program before it is linked; functions and data have names that stay.
#[derive(Clone, Default)]
pub(crate) struct Program {
    functions: Vec<(u64, Vec<Step>)>,
    /// Where the variables of functions begin in their frames, in words; 0 if nothing is said.
    frames: HashMap<u64, u32>,
    data: Vec<(u64, Vec<u8>)>,
    pointers: Vec<u64>,
    names: u64,
}

impl Program {
    pub(crate) fn new(random: &mut Random, functions: usize) -> Self {
        let mut program = Self::default();
        for _ in 0..functions / 2 + 1 {
            let count = 4 + random.below(60);
            program.names += 1;
            program.data.push((program.names, random.bytes(count)));
        }
        for _ in 0..functions {
            program.names += 1;
            program.functions.push((program.names, Vec::new()));
        }
        for at in 0..functions {
            program.functions[at].1 = program.body(random);
        }
        program.pointers = (0..functions * 2).map(|_| program.some_function(random)).collect();
        program
    }

    /// The program with more data.
    pub(crate) fn with_data(mut self, bytes: Vec<u8>) -> Self {
        self.names += 1;
        self.data.push((self.names, bytes));
        self
    }

    /// The program in which every function names so many variables more.
    pub(crate) fn with_variables(mut self, random: &mut Random, count: usize) -> Self {
        for (_, body) in &mut self.functions {
            for _ in 0..count {
                let place = random.below(body.len() + 1);
                body.insert(place, Step::Variable(random.below(40) as u32));
            }
        }
        self
    }

    /// The program in which the variables of every other function lie `words` further up.
    pub(crate) fn with_larger_frames(mut self, words: u32) -> Self {
        let some = self.functions.iter().step_by(2);
        self.frames = some.map(|(name, _)| (*name, self.frames.get(name).unwrap_or(&0) + words)).collect();
        self
    }

    fn some_function(&self, random: &mut Random) -> u64 {
        self.functions[random.below(self.functions.len())].0
    }

    fn step(&self, random: &mut Random) -> Step {
        let data = |random: &mut Random| self.data[random.below(self.data.len())].0;
        match random.below(10) {
            9 => Step::Variable(random.below(40) as u32),
            0 | 1 => Step::Call(self.some_function(random)),
            2 => Step::Load(data(random)),
            3 => Step::Store(data(random)),
            4 if random.below(12) == 0 => {
                Step::Switch((0..3 + random.below(9)).map(|_| self.some_function(random)).collect())
            }
            _ => {
                let plain: &[&[u8]] = &[
                    &[0x48, 0x89, 0xe5],
                    &[0x31, 0xc0],
                    &[0x48, 0x83, 0xc4, 0x18],
                    &[0x0f, 0xb6, 0xc0],
                    &[0x48, 0x8b, 0x44, 0x24, 0x10],
                    &[0x85, 0xc0],
                ];
                let mut plain = plain[random.below(plain.len())].to_vec();
                if random.below(3) == 0 {
                    plain.extend([0xb8, random.next() as u8, random.next() as u8, 0, 0]);
                }
                Step::Plain(plain)
            }
        }
    }

    fn body(&self, random: &mut Random) -> Vec<Step> {
        (0..6 + random.below(50)).map(|_| self.step(random)).collect()
    }

    /// The program after some work on it.
    pub(crate) fn edited(&self, random: &mut Random, edits: usize) -> Self {
        let mut program = self.clone();
        for _ in 0..edits {
            let at = random.below(program.functions.len());
            match random.below(7) {
                6 => {
                    let name = program.functions[at].0;
                    program.frames.insert(name, random.below(9) as u32);
                }
                0 => {
                    program.names += 1;
                    let body = program.body(random);
                    program.functions.insert(at, (program.names, body));
                }
                1 => {
                    program.names += 1;
                    let count = random.below(90);
                    let data = (program.names, random.bytes(count));
                    let place = random.below(program.data.len());
                    program.data.insert(place, data);
                }
                2 => {
                    let other = random.below(program.functions.len());
                    program.functions.swap(at, other);
                }
                _ => {
                    let step = program.step(random);
                    let body = &mut program.functions[at].1;
                    let place = random.below(body.len() + 1);
                    if random.below(2) == 0 && place < body.len() {
                        body[place] = step
                    } else {
                        body.insert(place, step)
                    }
                }
            }
        }
        program
    }

    pub(crate) fn elf(&self) -> Vec<u8> {
        Linked::new(self, 0, Machine::X86).elf()
    }

    pub(crate) fn arm_elf(&self) -> Vec<u8> {
        Linked::new(self, 0, Machine::Arm).elf()
    }

    pub(crate) fn pe(&self) -> Vec<u8> {
        Linked::new(self, 0x1_4000_0000, Machine::X86).pe()
    }

    pub(crate) fn arm_pe(&self) -> Vec<u8> {
        Linked::new(self, 0x1_4000_0000, Machine::Arm).pe()
    }

    /// With pointers as they are or in chains.
    pub(crate) fn macho(&self, machine: Machine, chained: bool) -> Vec<u8> {
        Linked::new(self, macho::BASE, machine).macho(chained)
    }
}

/// What instructions a program has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Machine {
    X86,
    Arm,
}

/// A program with addresses.
struct Linked {
    text: Vec<u8>,
    constants: Vec<u8>,
    data: Vec<u8>,
    /// First address of text, constants and data.
    at: [u64; 3],
    starts: Vec<(u64, u64)>,
    pointers: usize,
    machine: Machine,
    /// Where the variables of the function at hand begin.
    frame: u32,
}

fn page(length: usize) -> u64 {
    (length as u64).next_multiple_of(0x1000)
}

impl Linked {
    fn new(program: &Program, base: u64, machine: Machine) -> Self {
        let first = 0x1000;
        let size = |step: &Step| match step {
            _ if machine == Machine::Arm => arm::size(step),
            Step::Plain(bytes) => bytes.len(),
            Step::Call(_) => 5,
            Step::Load(_) | Step::Switch(_) => 7,
            Step::Store(_) => 10,
            Step::Variable(_) => 8,
        };
        let mut addresses = HashMap::new();
        let (mut at, mut starts) = (first, Vec::new());
        for (name, body) in &program.functions {
            let end = if machine == Machine::Arm { 4 } else { 1 };
            let length = body.iter().map(size).sum::<usize>() as u64 + end;
            addresses.insert(*name, at);
            starts.push((at, length));
            at = (at + length).next_multiple_of(16);
        }
        let constants_at = first + page((at - first) as usize);
        let mut place = 0u64;
        for (name, bytes) in &program.data {
            addresses.insert(*name, constants_at + place);
            place = (place + bytes.len() as u64).next_multiple_of(8);
        }
        let mut linked = Self {
            text: Vec::new(),
            constants: Vec::new(),
            data: Vec::new(),
            at: [first, constants_at, 0],
            starts,
            pointers: program.pointers.len(),
            machine,
            frame: 0,
        };
        for (_, bytes) in &program.data {
            linked.constants.extend_from_slice(bytes);
            linked.constants.resize(linked.constants.len().next_multiple_of(8), 0);
        }
        for (name, body) in &program.functions {
            linked.frame = program.frames.get(name).copied().unwrap_or(0);
            for step in body {
                match machine {
                    Machine::X86 => linked.step(step, &addresses),
                    Machine::Arm => linked.arm_step(step, &addresses),
                }
            }
            let end: &[u8] = if machine == Machine::Arm { &arm::RETURN } else { &[0xc3] };
            linked.text.extend_from_slice(end);
            linked.text.resize(linked.text.len().next_multiple_of(16), 0xcc);
        }
        // What else a form needs lies between constants and data.
        linked.at[2] = constants_at + page(linked.constants.len() + 0x1_0000);
        let pointers = program.pointers.iter().flat_map(|name| (addresses[name] + base).to_le_bytes());
        linked.data = pointers.collect();
        linked
    }

    fn step(&mut self, step: &Step, addresses: &HashMap<u64, u64>) {
        let near = |text: &[u8], target: u64, more: u64| {
            let next = self.at[0] + text.len() as u64 + 4 + more;
            (target.wrapping_sub(next) as u32).to_le_bytes()
        };
        match step {
            Step::Plain(bytes) => self.text.extend_from_slice(bytes),
            Step::Variable(number) => {
                self.text.extend([0x48, 0x8b, 0x84, 0x24]);
                self.text.extend((8 * (number + self.frame)).to_le_bytes());
            }
            Step::Call(name) => {
                self.text.push(0xe8);
                let bytes = near(&self.text, addresses[name], 0);
                self.text.extend(bytes);
            }
            Step::Load(name) => {
                self.text.extend([0x48, 0x8d, 0x05]);
                let bytes = near(&self.text, addresses[name], 0);
                self.text.extend(bytes);
            }
            Step::Store(name) => {
                self.text.extend([0xc7, 0x05]);
                let bytes = near(&self.text, addresses[name], 4);
                self.text.extend(bytes);
                self.text.extend([1, 0, 0, 0]);
            }
            Step::Switch(names) => {
                self.text.extend([0x48, 0x8d, 0x15]);
                let table = self.at[1] + self.constants.len() as u64;
                let bytes = near(&self.text, table, 0);
                self.text.extend(bytes);
                self.table(names, addresses);
            }
        }
    }

    /// Adds a table of places relative to itself.
    fn table(&mut self, names: &[u64], addresses: &HashMap<u64, u64>) {
        let table = self.at[1] + self.constants.len() as u64;
        for name in names {
            let entry = addresses[name].wrapping_sub(table) as u32;
            self.constants.extend(entry.to_le_bytes());
        }
        self.constants.resize(self.constants.len().next_multiple_of(8), 0);
    }

    /// Unwind tables as ELF has them: `.eh_frame` and `.eh_frame_hdr`, to lie at `at` and behind it.
    fn frames(&self, at: u64) -> (Vec<u8>, Vec<u8>) {
        let mut frames = vec![16, 0, 0, 0, 0, 0, 0, 0, 1, b'z', b'R', 0, 1, 0x78, 16, 1, 0x1b, 12, 7, 8];
        let mut places = Vec::new();
        for &(start, length) in &self.starts {
            let place = at + frames.len() as u64;
            places.push((start, place));
            frames.extend(16u32.to_le_bytes());
            frames.extend((frames.len() as u32).to_le_bytes());
            frames.extend((start.wrapping_sub(at + frames.len() as u64) as u32).to_le_bytes());
            frames.extend((length as u32).to_le_bytes());
            frames.extend([0, 0x0e, 16, 0]);
        }
        frames.extend([0; 4]);
        let header = at + frames.len() as u64;
        let mut table = vec![1, 0x1b, 3, 0x3b];
        table.extend((at.wrapping_sub(header + 4) as u32).to_le_bytes());
        table.extend((places.len() as u32).to_le_bytes());
        for (start, place) in places {
            table.extend((start.wrapping_sub(header) as u32).to_le_bytes());
            table.extend((place.wrapping_sub(header) as u32).to_le_bytes());
        }
        (frames, table)
    }

    fn elf(&self) -> Vec<u8> {
        let relocations: Vec<u8> = (0..self.pointers)
            .flat_map(|at| {
                let place = self.at[2] + at as u64 * 8;
                [place.to_le_bytes(), 8u64.to_le_bytes(), self.data[at * 8..at * 8 + 8].try_into().unwrap()]
            })
            .flatten()
            .collect();
        let frames_at = self.at[2] + page(self.data.len());
        let (frames, table) = self.frames(frames_at);
        let relocations_at = frames_at + page(frames.len() + table.len());
        let names = b"\0.text\0.rodata\0.data\0.rela.dyn\0.eh_frame\0.eh_frame_hdr\0.bss\0.shstrtab\0";
        let name = |wanted: &str| {
            let wanted = [b"\0", wanted.as_bytes(), b"\0"].concat();
            names.windows(wanted.len()).position(|window| window == wanted).unwrap() as u32 + 1
        };
        // In memory as in the file: every address is an offset.
        let end = relocations_at + relocations.len() as u64;
        let table_at = frames_at + frames.len() as u64;
        let sections: [(&str, u32, u64, u64, u64); 8] = [
            (".text", 1, 6, self.at[0], self.text.len() as u64),
            (".rodata", 1, 2, self.at[1], self.constants.len() as u64),
            (".data", 1, 3, self.at[2], self.data.len() as u64),
            (".eh_frame", 1, 2, frames_at, frames.len() as u64),
            (".eh_frame_hdr", 1, 2, table_at, table.len() as u64),
            (".rela.dyn", 4, 2, relocations_at, relocations.len() as u64),
            (".bss", 8, 3, end, 0x4000),
            (".shstrtab", 3, 0, end, names.len() as u64),
        ];
        let mut out = vec![0; end as usize];
        for (at, bytes) in [
            (self.at[0], &self.text),
            (self.at[1], &self.constants),
            (self.at[2], &self.data),
            (frames_at, &frames),
            (table_at, &table),
            (relocations_at, &relocations),
        ] {
            out[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        }
        out.extend_from_slice(names);
        let headers = out.len() as u64;
        out.extend([0; 64]);
        for (text, kind, flags, address, size) in sections {
            out.extend(name(text).to_le_bytes());
            out.extend(kind.to_le_bytes());
            [flags, address, address, size, 0, 16, 0]
                .iter()
                .for_each(|field: &u64| out.extend(field.to_le_bytes()));
        }
        let mut head = b"\x7fELF\x02\x01\x01".to_vec();
        head.resize(16, 0);
        let machine = if self.machine == Machine::Arm { 183 } else { 62 };
        head.extend([3, 0, machine, 0, 1, 0, 0, 0]);
        [self.at[0], 64, headers].iter().for_each(|field: &u64| head.extend(field.to_le_bytes()));
        head.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 9, 0, 8, 0]);
        head.extend([1, 0, 0, 0, 7, 0, 0, 0]);
        [0, 0, 0, end, end + 0x4000, 0x1000].iter().for_each(|field: &u64| head.extend(field.to_le_bytes()));
        out[..head.len()].copy_from_slice(&head);
        out
    }
}
