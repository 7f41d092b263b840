//! Where the bytes of a plan come from: a delta, a chain of two, packs, or whole objects; whatever costs least.
//!
//! What is chosen is told before anything is fetched but the small indexes that tell it. A way that fails is left
//! for the next one: a delta for packs, an installed file that is not what it was for the packed one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use crate::delta::pack::Index;
use crate::install::{Chunked, Install};
use crate::plan::{
    Assembly, Brought, Found, Inventory, Mode, Part, Place, Plan, Receipt, Wanted, Way, assemble,
};
use crate::release::{
    Codec, Content, Delta, Digest, Entry, FileEntry, Manifest, Pack, Policy, RelPath, ReleaseNumber,
};
use crate::report::{Control, Event};
use crate::transfer::{Depot, Options, Patience, Reader, Request, TransferError, fetch_all, read_index};
use crate::trust::{Store, TrustedRepository};

use super::check::{Events, open_release, releases};
use super::{EngineError, Setup};

/// Fewer bytes than this from packs are not worth to look for two deltas: their manifest costs something too.
const WORTH_A_CHAIN: u64 = 4 * 1024;

/// Where indexes are fetched to.
pub(super) enum Fetching<'a> {
    /// The depot, whatever the network does.
    Depot(&'a Depot),
    /// Memory, for somebody who only looks.
    Memory(Patience),
}

/// What an update works with beside the plan.
pub(super) struct Survey<'a> {
    pub setup: &'a Setup,
    pub control: &'a Control,
    pub events: Events<'a>,
    pub receipt: &'a Receipt,
    pub manifest: &'a Manifest,
    pub inventory: &'a Inventory,
    pub mode: Mode,
}

/// How the files of a plan that lie in packs or objects of their own are got.
pub(super) enum Road {
    /// From packs, and whole.
    Packs(PackRoad),
    /// By deltas, one after the other.
    Deltas(Vec<Leg>),
}

/// The way through packs.
#[derive(Default)]
pub(super) struct PackRoad {
    pub assembly: Assembly,
    /// The installed files it uses.
    pub locals: Vec<PathBuf>,
    /// The indexes it was made from.
    pub indexes: Vec<Content>,
}

/// One delta, from one release to another.
pub(super) struct Leg {
    pub from: ReleaseNumber,
    pub content: Content,
    pub old: Manifest,
    pub new: Manifest,
}

/// One request for each different content that is an object of its own.
pub(super) fn whole_requests(plan: &Plan) -> Vec<Request> {
    let mut seen = HashSet::new();
    let wanted = plan.changes().filter_map(|item| match (&item.way, &item.want) {
        (Way::Whole(content), Some(Entry::File(file))) => Some((item, content, file)),
        _ => None,
    });
    let fresh = wanted.filter(|(_, _, file)| seen.insert(file.sha256));
    let request = |(item, content, file): (&crate::plan::Item, &Content, &FileEntry)| Request {
        file: item.path.clone(),
        sha256: file.sha256,
        size: file.size,
        content: content.clone(),
    };
    fresh.map(request).collect()
}

/// An object that is fetched as it is, called after a file it is for.
pub(super) fn raw_request(file: &RelPath, content: &Content) -> Request {
    let content = Content { codec: Codec::Raw, ..content.clone() };
    Request { file: file.clone(), sha256: content.object, size: content.size, content }
}

/// What is to be fetched in any way: contents, each with a file it is for.
pub(super) fn remote(plan: &Plan) -> HashMap<Digest, RelPath> {
    let files = plan.changes().filter_map(|item| match (&item.way, &item.want) {
        (Way::Whole(_) | Way::Packed(_), Some(Entry::File(file))) => Some((file.sha256, item.path.clone())),
        _ => None,
    });
    files.collect()
}

/// Where each content lies in the install.
pub(super) fn by_content(install: &Install, inventory: &Inventory) -> HashMap<Digest, PathBuf> {
    let files = inventory.iter().filter_map(|(path, found)| match found {
        Found::File { digest, .. } => Some((*digest, path.under(install.root()))),
        Found::Link(_) | Found::Folder | Found::Other => None,
    });
    files.collect()
}

impl Survey<'_> {
    /// Chooses the cheapest road for `plan`, and writes into it what that costs.
    ///
    /// # Errors
    /// If indexes can't be had, or the signed ones do not fit the release.
    pub(super) async fn road(&self, plan: &mut Plan, fetching: &Fetching<'_>) -> Result<Road, EngineError> {
        let remote = remote(plan);
        if remote.is_empty() {
            return Ok(Road::Packs(PackRoad::default()));
        }
        if let Some(leg) = self.leg(plan) {
            let legs = vec![leg];
            tell_legs(plan, &legs, remote.len());
            return Ok(Road::Deltas(legs));
        }
        let road = self.packs(&plan.packed(), fetching, true).await?;
        tell_packs(plan, &road);
        let packs = plan.totals().fetch_bytes;
        if packs > WORTH_A_CHAIN
            && let Some(legs) = self.chain(fetching, packs).await
            && bytes_of(&legs) < packs
        {
            tell_legs(plan, &legs, remote.len());
            return Ok(Road::Deltas(legs));
        }
        Ok(Road::Packs(road))
    }

    /// The delta from the very release that is installed, if it is cheaper than packs and can be applied.
    fn leg(&self, plan: &Plan) -> Option<Leg> {
        let delta = self.manifest.deltas.iter().find(|delta| delta.from == self.receipt.number)?;
        let old = self.installed()?;
        let whole = || plan.totals().fetch_bytes;
        let packs = self.manifest.downloads.get(&self.receipt.number).copied();
        let other = packs.unwrap_or_else(|| if plan.packed().is_empty() { whole() } else { u64::MAX });
        (delta.content.size + delta.content.list_bytes() < other).then(|| self.leg_of(delta, old))
    }

    fn leg_of(&self, delta: &Delta, old: Manifest) -> Leg {
        Leg { from: delta.from, content: delta.content.clone(), old, new: self.manifest.clone() }
    }

    /// The installed release, if its manifest was kept and no file of it was changed: then every old file of a delta
    /// from it is there. Files that belong to the user are never used for deltas.
    fn installed(&self) -> Option<Manifest> {
        if self.mode == Mode::Repair {
            return None;
        }
        let bytes = self.setup.install.kept_manifest(&self.receipt.manifest?)?;
        let old = Manifest::parse(&bytes).ok()?;
        let there: HashSet<Digest> = self
            .inventory
            .values()
            .filter_map(|found| match found {
                Found::File { digest, .. } => Some(*digest),
                _ => None,
            })
            .collect();
        let is_base = |file: &&FileEntry| file.policy == Policy::Replace && file.size > 0;
        let is_whole = old.regular().filter(is_base).all(|file| there.contains(&file.sha256));
        is_whole.then_some(old)
    }

    /// Two deltas: to a release in between, and from there. Looked for only where packs are the other way.
    async fn chain(&self, fetching: &Fetching<'_>, packs: u64) -> Option<Vec<Leg>> {
        let installed = self.receipt.number;
        let second =
            self.manifest.deltas.iter().filter(|delta| delta.from > installed).min_by_key(|d| d.from)?;
        if second.content.size >= packs {
            return None;
        }
        let old = self.installed()?;
        let store = Store::open(&self.setup.install.trusted_dir()).ok()?;
        let repository = TrustedRepository::load(&store).ok()?;
        let is_listed =
            |number| releases(self.setup, &repository).iter().any(|release| release.summary.number == number);
        if installed == ReleaseNumber::NONE || !is_listed(second.from) {
            return None;
        }
        let patience = match fetching {
            Fetching::Depot(_) => Patience::Endless,
            Fetching::Memory(patience) => *patience,
        };
        let (setup, control) = (self.setup, self.control);
        let between =
            open_release(setup, &repository, second.from, patience, control, self.events).await.ok()?;
        let between = between.manifest();
        let first = between.deltas.iter().find(|delta| delta.from == installed)?;
        let to_between = Leg { from: first.from, content: first.content.clone(), old, new: between.clone() };
        Some(vec![to_between, self.leg_of(second, between.clone())])
    }

    /// The way of `wanted` through packs. Without `local` nothing installed is used.
    ///
    /// # Errors
    /// If indexes can't be had, or the signed ones do not fit the release.
    pub(super) async fn packs(
        &self,
        wanted: &[Wanted],
        fetching: &Fetching<'_>,
        local: bool,
    ) -> Result<PackRoad, EngineError> {
        if wanted.is_empty() {
            return Ok(PackRoad::default());
        }
        let packs = &self.manifest.packs;
        let mut told: BTreeMap<u32, &Wanted> = BTreeMap::new();
        for wanted in wanted {
            told.entry(wanted.pack).or_insert(wanted);
        }
        let needed: Vec<(&Wanted, &Pack)> =
            told.values().filter_map(|wanted| Some((*wanted, packs.get(wanted.pack as usize)?))).collect();
        let indexes = self.indexes(&needed, fetching).await?;
        let contents = needed.iter().map(|(_, pack)| pack.index.clone()).collect();
        let lookup = |digest: &Digest| indexes.get(digest);
        let mut chunked = Chunked::default();
        if local {
            self.known_chunks(&indexes, &mut chunked);
            self.cut(&mut chunked, false);
        }
        let mut assembly = assemble(wanted, packs, &lookup, &chunked.store)?;
        if local && assembly.reaches_back(packs, wanted) {
            // Something of an older pack is wanted: it may lie in a file that stays.
            self.cut(&mut chunked, true);
            assembly = assemble(wanted, packs, &lookup, &chunked.store)?;
        }
        Ok(PackRoad { assembly, locals: chunked.files, indexes: contents })
    }

    /// The chunks of installed files that the indexes tell of: those files need not be cut.
    fn known_chunks(&self, indexes: &HashMap<Digest, Index>, chunked: &mut Chunked) {
        let root = self.setup.install.root();
        for (path, found) in self.inventory {
            let Found::File { digest, .. } = found else { continue };
            let known = indexes.values().find_map(|index| Some((index, index.find(digest)?)));
            let Some((index, recipe)) = known else { continue };
            let file = chunked.files.len() as u32;
            let mut offset = 0;
            for chunk in index.chunks_of(recipe) {
                chunked.store.entry(chunk.id).or_insert(Place { file, offset });
                offset += u64::from(chunk.len);
            }
            chunked.files.push(path.under(root));
        }
    }

    /// Cuts installed files: those the new release has as they are (`kept`), or the others.
    fn cut(&self, chunked: &mut Chunked, kept: bool) {
        let new: HashSet<Digest> = self.manifest.regular().map(|file| file.sha256).collect();
        let mut seen = HashSet::new();
        let files: Vec<(&RelPath, u64)> = self
            .inventory
            .iter()
            .filter_map(|(path, found)| match found {
                Found::File { digest, size, .. } if new.contains(digest) == kept && seen.insert(*digest) => {
                    Some((path, *size))
                }
                _ => None,
            })
            .collect();
        let stop = || self.control.is_cancelled();
        self.setup.install.chunks(&files, chunked, &|_, _, _| {}, &stop);
    }

    /// Fetches the indexes of packs.
    async fn indexes(
        &self,
        needed: &[(&Wanted, &Pack)],
        fetching: &Fetching<'_>,
    ) -> Result<HashMap<Digest, Index>, EngineError> {
        let mut indexes = HashMap::new();
        match fetching {
            Fetching::Depot(depot) => {
                let requests =
                    needed.iter().map(|(file, pack)| raw_request(&file.name, &pack.index)).collect();
                // They are part of the plan: only what people should know of the network is told.
                let tell = |event: Event| {
                    if let Event::Step(_) = &event {
                        (self.events)(event);
                    }
                };
                let options = Options { limit_bytes_per_second: self.setup.limit, ..Options::default() };
                let fetched =
                    fetch_all(&self.setup.mirrors, depot, requests, &options, self.control, &tell).await?;
                for (file, pack) in needed {
                    let lost = || TransferError::Defect(format!("the index for {} is lost", file.name));
                    let path = fetched.file(&pack.index.object).ok_or_else(lost)?;
                    let bytes = crate::fsx::read(path, pack.index.size).map_err(EngineError::File)?;
                    indexes.insert(pack.index.object, read_index(&file.name, pack, &bytes)?);
                }
            }
            Fetching::Memory(patience) => {
                for (file, pack) in needed {
                    let mut reader = Reader::new(&self.setup.mirrors, *patience, self.control, self.events);
                    let hex = pack.index.object.hex();
                    let path = format!("objects/{}/{hex}", &hex[..2]);
                    let missing = || TransferError::Missing {
                        object: pack.index.object,
                        file: file.name.clone(),
                        source_name: self.setup.mirrors.describe(),
                    };
                    let bytes = reader.any(&path, pack.index.size).await?.ok_or_else(missing)?;
                    indexes.insert(pack.index.object, read_index(&file.name, pack, &bytes)?);
                }
            }
        }
        Ok(indexes)
    }
}

pub(super) fn bytes_of(legs: &[Leg]) -> u64 {
    legs.iter().map(|leg| leg.content.size + leg.content.list_bytes()).sum()
}

fn tell_legs(plan: &mut Plan, legs: &[Leg], files: usize) {
    plan.brought = Brought {
        files: files as u64,
        bytes: bytes_of(legs),
        deltas: legs.iter().map(|leg| leg.from).collect(),
        shares: BTreeMap::new(),
    };
}

/// Blocks and indexes. A block that several files need is shared out by how much each takes of it.
fn tell_packs(plan: &mut Plan, road: &PackRoad) {
    let mut shares = BTreeMap::new();
    for build in &road.assembly.builds {
        let mut share = 0.0;
        for part in &build.parts {
            let Part::Fetched { pack, block, len, .. } = part else { continue };
            let block = road.assembly.fetch.get(*pack as usize).and_then(|p| p.blocks.get(*block as usize));
            share += block.map_or(0.0, |b| f64::from(*len) * f64::from(b.len) / f64::from(b.raw.max(1)));
        }
        shares.insert(build.sha256, share.ceil() as u64);
    }
    let indexes: u64 = road.indexes.iter().map(|index| index.size + index.list_bytes()).sum();
    plan.brought = Brought {
        files: road.assembly.builds.len() as u64,
        bytes: road.assembly.bytes() + indexes,
        deltas: Vec::new(),
        shares,
    };
}

/// Bytes an update fetches at most if the install is as its receipt says, told before anything is fetched.
pub(super) fn foretell(plan: &Plan, manifest: &Manifest, receipt: &Receipt) -> u64 {
    let whole = plan.totals().fetch_bytes;
    if plan.packed().is_empty() {
        return whole;
    }
    let delta = manifest.deltas.iter().find(|delta| delta.from == receipt.number);
    let delta = delta.map(|delta| delta.content.size + delta.content.list_bytes());
    if let Some(packs) = manifest.downloads.get(&receipt.number) {
        return delta.map_or(*packs, |delta| delta.min(*packs));
    }
    // All of every pack that is needed, and no more than the files themselves.
    let told: HashSet<u32> = plan.packed().iter().map(|wanted| wanted.pack).collect();
    let packs = manifest.packs.iter().map(|pack| pack.size);
    let indexes = told.iter().filter_map(|pack| manifest.packs.get(*pack as usize));
    let indexes: u64 = indexes.map(|pack| pack.index.size).sum();
    whole + packs.sum::<u64>() + indexes
}
