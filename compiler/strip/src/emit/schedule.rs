//! The order of instructions in straight code, before registers are given out.
//!
//! ```text
//! t1 = x * c1          t1 = x * c1
//! t2 = t1 + c2         u1 = y * c1
//! t3 = sqrt(t2)   ==>  t2 = t1 + c2
//! u1 = y * c1          u2 = u1 + c2
//! u2 = u1 + c2         t3 = sqrt(t2)
//! u3 = sqrt(u2)        u3 = sqrt(u2)
//! ```
//!
//! Legalisation writes operations in the order of the source, and a processor looks for work only among the next hundred instructions: what waits
//! for nothing has to stand there. So, of the instructions whose operands are ready, the one comes first that most cycles of others wait
//! for. If that would take more registers than there are, one that takes none.
//!
//! A *stretch* is a list of blocks that control goes through unless something rare happens: a fault leaves it, a rare case comes back to it
//! ([`super::func::Block::usual`]). Arithmetic moves across the branches between them, in both directions: nothing goes wrong in it. Accesses to memory
//! and all that knows of the flags stay between their branches. Stores keep their order, and loads their side of them.
//!
//! Deterministic; the work grows with the number of instructions times those that are ready at once (at most [`WINDOW`]).

use regalloc2::{Operand, OperandKind, RegClass, VReg};

use super::func::{BlockId, Code, Func, Inst, Term};
use super::liveness::{Liveness, contains};
use super::nature::{
    Memory, Port, constant_of, is_comparison, knows_flags, latency, memory, operands_of, overwrite, port_of,
};
use crate::encode::Shape;

/// Shorter stretches stay as they are.
const FEWEST: usize = 40;
/// The same for rounds of loops inside a block.
const FEWEST_IN_ROUND: usize = 16;
/// Of so many instructions a processor sees the next vector's, too, if they stand behind those of the one before.
const MOST_IN_ROUND: usize = 80;
/// Of the instructions in the order of the source only so many are looked at, from the first one that is not placed.
const WINDOW: u32 = 192;
/// Instructions that start in a cycle.
const WIDTH: u32 = 4;

/// Puts the instructions of long bodies and loops in a good order.
pub(crate) fn schedule(func: &mut Func) {
    let mut continued = vec![false; func.blocks.len()];
    for block in &func.blocks {
        if let Some(next) = block.usual {
            continued[next.0 as usize] = true;
        }
    }
    let mut known: Option<(Liveness, Places)> = None;
    for at in 1..func.order.len() {
        let first = func.order[at];
        // What is repeated most often starts at an aligned place.
        if continued[first.0 as usize] || !func.blocks[first.0 as usize].aligned {
            continue;
        }
        let mut blocks = vec![first];
        while let Some(next) = func.blocks[blocks[blocks.len() - 1].0 as usize].usual {
            blocks.push(next);
        }
        let count: usize = blocks.iter().map(|b| func.blocks[b.0 as usize].insts.len()).sum();
        let is_round = is_round(func, first);
        if count < if is_round { FEWEST_IN_ROUND } else { FEWEST } {
            continue;
        }
        // A stretch keeps what is in use where it begins and ends.
        let (live, places) = known.get_or_insert_with(|| {
            let places = Places { defs: vec![NONE; func.vregs], is_live: vec![false; func.vregs] };
            (Liveness::of(func), places)
        });
        let stretch = Stretch::of(func, &blocks, live, places);
        let order = stretch.best(func, places, is_round && count <= MOST_IN_ROUND);
        debug_assert_eq!(order.nodes.len(), stretch.nodes.len());
        if order.nodes.len() == stretch.nodes.len() {
            stretch.rewrite(func, &order);
        }
    }
}

const NONE: u32 = u32::MAX;

/// Is it all that a round of a loop inside a block does?
fn is_round(func: &Func, block: BlockId) -> bool {
    let Term::Jmp(head, _) = func.blocks[block.0 as usize].term else { return false };
    func.blocks[head.0 as usize].after == Some(block)
}

/// How instructions are ordered.
#[derive(Clone, Copy)]
enum By<'r> {
    /// By what waits for them.
    Depth,
    /// By a number that each has.
    Rank(&'r [u32]),
}

/// Tables by virtual register, used by one stretch after the other.
struct Places {
    /// The node that defines it.
    defs: Vec<u32>,
    /// Is it read by what has been placed so far?
    is_live: Vec<bool>,
}

/// The registers in use, by class.
struct Now<'p> {
    live: [i32; 3],
    is_live: &'p mut [bool],
}

impl Now<'_> {
    fn read(&mut self, reg: VReg) {
        if !std::mem::replace(&mut self.is_live[reg.vreg()], true) {
            self.live[class(reg)] += 1;
        }
    }

    fn define(&mut self, reg: VReg) {
        if std::mem::replace(&mut self.is_live[reg.vreg()], false) {
            self.live[class(reg)] -= 1;
        }
    }
}

/// What stands in a stretch: an instruction, or the branch at the end of a block.
#[derive(Clone, Copy)]
struct Node {
    block: u32,
    /// [`NONE`] for the branch.
    inst: u32,
}

struct Stretch {
    blocks: Vec<BlockId>,
    nodes: Vec<Node>,
    /// What each node waits for, and how long.
    preds: Vec<(u32, u32)>,
    pred_start: Vec<u32>,
    /// How many wait for it.
    succs: Vec<u32>,
    /// Cycles until it can start.
    depth: Vec<u32>,
    /// Goes directly in front of that node.
    glued: Vec<u32>,
    /// Those in front of a node.
    glue: Vec<(u32, u32)>,
    /// Registers that each node reads and defines, branches included.
    uses: Vec<VReg>,
    use_start: Vec<u32>,
    /// In use when it ends, or read by its last jump.
    end: Vec<VReg>,
}

/// An order: nodes, and for fused multiply-adds which of their sources is overwritten.
struct Order {
    nodes: Vec<(u32, Tie)>,
}

/// The source that is overwritten.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tie {
    /// As it is.
    Same,
    /// The source with that number, of those in registers.
    Source(u8),
}

impl Stretch {
    fn of(func: &Func, blocks: &[BlockId], live: &Liveness, places: &mut Places) -> Stretch {
        let mut stretch = Stretch {
            blocks: blocks.to_vec(),
            nodes: vec![],
            preds: vec![],
            pred_start: vec![],
            succs: vec![],
            depth: vec![],
            glued: vec![],
            glue: vec![],
            uses: vec![],
            use_start: vec![0],
            end: vec![],
        };
        let last = blocks[blocks.len() - 1];
        let mut edges: Vec<(u32, u32, u32)> = vec![];
        let mut flags = NONE;
        let mut store = NONE;
        let mut loads: Vec<u32> = vec![];
        // Accesses to memory since the last branch, and that branch.
        let mut pinned: Vec<u32> = vec![];
        let mut branch = NONE;
        let mut defined: Vec<VReg> = vec![];
        for (number, &id) in blocks.iter().enumerate() {
            let block = &func.blocks[id.0 as usize];
            for (at, inst) in block.insts.iter().enumerate() {
                let node = stretch.nodes.len() as u32;
                stretch.nodes.push(Node { block: number as u32, inst: at as u32 });
                for operand in operands_of(block, inst) {
                    if operand.kind() == OperandKind::Use {
                        let def = places.defs[operand.vreg().vreg()];
                        if def != NONE {
                            edges.push((def, node, latency_of(func, &stretch, def)));
                        }
                        stretch.uses.push(operand.vreg());
                    } else {
                        places.defs[operand.vreg().vreg()] = node;
                        defined.push(operand.vreg());
                    }
                }
                stretch.use_start.push(stretch.uses.len() as u32);
                if knows_flags(inst.code) {
                    if flags != NONE {
                        edges.push((flags, node, 0));
                    }
                    flags = node;
                }
                let is_load = match memory(block, inst) {
                    Memory::None => continue,
                    Memory::Load => true,
                    Memory::Store => false,
                };
                if store != NONE {
                    edges.push((store, node, 0));
                }
                if branch != NONE {
                    edges.push((branch, node, 0));
                }
                if is_load {
                    loads.push(node);
                } else {
                    edges.extend(loads.drain(..).map(|load| (load, node, 0)));
                    store = node;
                }
                pinned.push(node);
            }
            if id == last {
                break;
            }
            let node = stretch.nodes.len() as u32;
            stretch.nodes.push(Node { block: number as u32, inst: NONE });
            let next = blocks[number + 1];
            let (aside, args) = live.aside(func, id, next);
            for (reg, is_arg) in
                aside.into_iter().map(|r| (r, false)).chain(args.into_iter().map(|r| (r, true)))
            {
                let def = places.defs[reg.vreg()];
                if def != NONE {
                    let latency = if is_arg { latency_of(func, &stretch, def) } else { 0 };
                    edges.push((def, node, latency));
                }
                stretch.uses.push(reg);
            }
            for &param in &func.blocks[next.0 as usize].params {
                places.defs[param.vreg()] = node;
                defined.push(param);
            }
            stretch.use_start.push(stretch.uses.len() as u32);
            edges.extend(pinned.drain(..).map(|before| (before, node, 0)));
            if flags != NONE {
                edges.push((flags, node, 0));
            }
            if branch != NONE {
                edges.push((branch, node, 0));
            }
            flags = node;
            branch = node;
        }
        stretch.end = live.leaving(func, last);
        for reg in defined {
            places.defs[reg.vreg()] = NONE;
        }
        stretch.connect(func, live, edges, flags);
        stretch
    }

    /// Glues what belongs together, sorts the edges by where they come from, computes heights.
    fn connect(&mut self, func: &Func, live: &Liveness, mut edges: Vec<(u32, u32, u32)>, last_flags: u32) {
        let count = self.nodes.len();
        // The node that waits for it, if it is one.
        let mut only = vec![None; count];
        for &(from, to, _) in &edges {
            let only = &mut only[from as usize];
            *only = Some(if only.is_none_or(|known| known == to) { to } else { NONE });
        }
        let end = &live.out[self.blocks[self.blocks.len() - 1].0 as usize];
        let mut glued = vec![NONE; count];
        for at in (0..count).rev() {
            let node = self.nodes[at];
            if node.inst == NONE {
                continue;
            }
            let block = &func.blocks[self.blocks[node.block as usize].0 as usize];
            let inst = &block.insts[node.inst as usize];
            let to = only[at].filter(|&to| to != NONE);
            let before_branch = to.is_some_and(|to| self.nodes[to as usize].inst == NONE);
            if is_comparison(inst) {
                // It stands in front of its jump, or at the end.
                match to {
                    Some(to) if before_branch => glued[at] = to,
                    None if at as u32 == last_flags => glued[at] = count as u32,
                    _ => {}
                }
            } else if let Some(to) = to
                && !before_branch
                && let Some(constant) = constant_of(block, inst)
                && !contains(end, constant)
            {
                // With a comparison it goes in front of the jump.
                glued[at] = if glued[to as usize] == NONE { to } else { glued[to as usize] };
            }
        }
        edges.retain_mut(|(from, to, latency)| {
            if glued[*from as usize] != NONE {
                return false;
            }
            if glued[*to as usize] != NONE {
                (*to, *latency) = (glued[*to as usize], 0);
            }
            (*to as usize) < count
        });
        // Edges come in the order of where they go to, but for those that were glued.
        edges.sort_by_key(|&(_, to, _)| to);
        self.pred_start = vec![0; count + 1];
        self.succs = vec![0; count];
        self.depth = vec![0; count];
        for &(from, to, latency) in &edges {
            self.pred_start[to as usize + 1] += 1;
            self.succs[from as usize] += 1;
            self.depth[to as usize] = self.depth[to as usize].max(self.depth[from as usize] + latency);
        }
        for at in 0..count {
            self.pred_start[at + 1] += self.pred_start[at];
        }
        self.preds = edges.into_iter().map(|(from, _, latency)| (from, latency)).collect();
        self.glue = (0..count as u32)
            .filter(|&at| glued[at as usize] != NONE)
            .map(|at| (glued[at as usize], at))
            .collect();
        self.glue.sort_unstable();
        self.glued = glued;
    }

    fn preds_of(&self, node: u32) -> &[(u32, u32)] {
        &self.preds[self.pred_start[node as usize] as usize..self.pred_start[node as usize + 1] as usize]
    }

    /// What goes directly in front of a node.
    fn glue_of(&self, node: u32) -> &[(u32, u32)] {
        let start = self.glue.partition_point(|&(to, _)| to < node);
        let end = self.glue.partition_point(|&(to, _)| to <= node);
        &self.glue[start..end]
    }

    fn uses_of(&self, node: u32) -> &[VReg] {
        &self.uses[self.use_start[node as usize] as usize..self.use_start[node as usize + 1] as usize]
    }

    /// What a node defines.
    fn defs_of<'f>(&self, func: &'f Func, node: u32) -> impl Iterator<Item = VReg> + 'f {
        let Node { block, inst } = self.nodes[node as usize];
        let (operands, params): (&[Operand], &[VReg]) = if inst == NONE {
            (&[], &func.blocks[self.blocks[block as usize + 1].0 as usize].params)
        } else {
            let block = &func.blocks[self.blocks[block as usize].0 as usize];
            (operands_of(block, &block.insts[inst as usize]), &[])
        };
        let defined = operands.iter().filter(|o| o.kind() == OperandKind::Def).map(|o| o.vreg());
        defined.chain(params.iter().copied())
    }

    /// The order by depths, unless that takes more vector registers than there are, and fewer are taken by the order of the source or, of a round, which
    /// is short, by one vector after the other.
    fn best(&self, func: &Func, places: &mut Places, is_round: bool) -> Order {
        let registers = if func.evex { 32 } else { 16 };
        let (order, peak) = self.order(func, places, By::Depth);
        if peak <= registers {
            return order;
        }
        let mut best = (order, peak);
        let mut ranks: Vec<u32> = (0..self.nodes.len() as u32).collect();
        for by_parts in [false, true] {
            if by_parts && !is_round {
                break;
            }
            if by_parts {
                ranks = self.part_by_part();
            }
            let (order, peak) = self.order(func, places, By::Rank(&ranks));
            if peak < best.1 {
                best = (order, peak);
            }
        }
        best.0
    }

    /// What has nothing to do with each other stands apart, as a rule the vectors of a block: neither waits for the other, nor do they read
    /// something that is not needed any more at the end.
    fn part_by_part(&self) -> Vec<u32> {
        let count = self.nodes.len();
        let mut leader: Vec<u32> = (0..count as u32).collect();
        fn find(leader: &mut [u32], mut node: u32) -> u32 {
            while leader[node as usize] != node {
                leader[node as usize] = leader[leader[node as usize] as usize];
                node = leader[node as usize];
            }
            node
        }
        let unite = |leader: &mut [u32], a: u32, b: u32| {
            let (a, b) = (find(leader, a), find(leader, b));
            leader[a.max(b) as usize] = a.min(b);
        };
        let mut readers: Vec<(VReg, u32)> = vec![];
        for node in 0..count as u32 {
            self.preds_of(node).iter().for_each(|&(from, _)| unite(&mut leader, from, node));
            readers.extend(self.uses_of(node).iter().map(|&reg| (reg, node)));
        }
        readers.retain(|(reg, _)| !self.end.contains(reg));
        readers.sort_unstable();
        for pair in readers.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            unite(&mut leader, pair[0].1, pair[1].1);
        }
        let mut nodes: Vec<u32> = (0..count as u32).collect();
        nodes.sort_by_key(|&node| (find(&mut leader, node), node));
        let mut ranks = vec![0; count];
        for (rank, node) in nodes.into_iter().enumerate() {
            ranks[node as usize] = rank as u32;
        }
        ranks
    }

    /// An order of the nodes, made from the end.
    fn order(&self, func: &Func, places: &mut Places, by: By<'_>) -> (Order, u32) {
        let count = self.nodes.len();
        let limits: [i32; 3] = [12, if func.evex { 31 } else { 15 }, 6];
        let mut now = Now { live: [0; 3], is_live: &mut places.is_live };
        for &reg in &self.end {
            now.read(reg);
        }
        for &(_, node) in self.glue.iter().filter(|&&(to, _)| to as usize == count).rev() {
            self.pass(func, &mut now, node);
        }
        let mut peak = now.live[VECTORS];
        let mut waiting = self.succs.clone();
        let mut ready: Vec<u32> = vec![];
        let mut roots: Vec<u32> = (0..count as u32)
            .filter(|&at| waiting[at as usize] == 0 && self.glued[at as usize] == NONE)
            .collect();
        let mut done = vec![false; count];
        // Cycles before the end.
        let mut ready_at = vec![0u32; count];
        let mut stamp = vec![0u32; count];
        let mut last = count as u32;
        let mut order = Order { nodes: Vec::with_capacity(count) };
        let (mut time, mut started) = (0u32, 0u32);
        // From when on the ports are free, in halves of a cycle.
        let mut free = [0u32; 4];
        loop {
            while last > 0 && (done[last as usize - 1] || self.glued[last as usize - 1] != NONE) {
                last -= 1;
            }
            while let Some(root) = roots.pop_if(|root| *root + WINDOW >= last) {
                ready.push(root);
            }
            let mut best: Option<(bool, u32, u32, u32, usize)> = None;
            for (position, &node) in ready.iter().enumerate() {
                let key = if let By::Rank(ranks) = by {
                    (false, u32::MAX - ranks[node as usize], 0, 0, position)
                } else {
                    let (fits, frees) = self.change(func, &now, &limits, node);
                    if fits {
                        let start =
                            ready_at[node as usize].max(free[self.port(func, node) as usize] / 2).max(time);
                        let depth = if frees { 0 } else { u32::MAX - self.depth[node as usize] };
                        (false, start - time, depth, u32::MAX - node, position)
                    } else {
                        (true, u32::MAX - stamp[node as usize], 0, u32::MAX - node, position)
                    }
                };
                if best.is_none_or(|best| key < best) {
                    best = Some(key);
                }
            }
            let Some((.., position)) = best else { break };
            let node = ready.swap_remove(position);
            let port = self.port(func, node) as usize;
            let start = ready_at[node as usize].max(free[port] / 2).max(time);
            if start > time {
                (time, started) = (start, 0);
            }
            started += 1;
            if started == WIDTH {
                (time, started) = (time + 1, 0);
            }
            if port != Port::Any as usize {
                free[port] = free[port].max(2 * start) + if port == Port::Divide as usize { 12 } else { 1 };
            }
            done[node as usize] = true;
            let tie = self.tie(func, &now, node);
            self.pass(func, &mut now, node);
            peak = peak.max(now.live[VECTORS]);
            order.nodes.push((node, tie));
            for &(_, before) in self.glue_of(node).iter().rev() {
                self.pass(func, &mut now, before);
                peak = peak.max(now.live[VECTORS]);
                order.nodes.push((before, Tie::Same));
            }
            for &(from, latency) in self.preds_of(node) {
                let from = from as usize;
                ready_at[from] = ready_at[from].max(start + latency);
                stamp[from] = order.nodes.len() as u32;
                waiting[from] -= 1;
                if waiting[from] == 0 {
                    ready.push(from as u32);
                }
            }
        }
        order.nodes.reverse();
        for &(_, before) in self.glue.iter().filter(|&&(to, _)| to as usize == count) {
            order.nodes.push((before, Tie::Same));
        }
        for reg in self.end.iter().chain(&self.uses) {
            now.is_live[reg.vreg()] = false;
        }
        (order, peak.max(0) as u32)
    }

    /// The node has been placed in front of all that are: what it defines is not there before, what it reads is.
    fn pass(&self, func: &Func, now: &mut Now<'_>, node: u32) {
        for reg in self.defs_of(func, node) {
            now.define(reg);
        }
        for &reg in self.uses_of(node) {
            now.read(reg);
        }
    }

    /// Would there still be enough registers? And would there be more?
    fn change(&self, func: &Func, now: &Now<'_>, limits: &[i32; 3], node: u32) -> (bool, bool) {
        let mut change = [0i32; 3];
        let uses = self.uses_of(node);
        for (at, reg) in uses.iter().enumerate() {
            if !now.is_live[reg.vreg()] && !uses[..at].contains(reg) {
                change[class(*reg)] += 1;
            }
        }
        for reg in self.defs_of(func, node) {
            change[class(reg)] -= i32::from(now.is_live[reg.vreg()]);
        }
        let fits = (0..3).all(|class| change[class] <= 0 || now.live[class] + change[class] <= limits[class]);
        (fits, change[VECTORS] < 0)
    }

    /// Which source of a fused multiply-add is overwritten: one that nobody reads later.
    fn tie(&self, func: &Func, now: &Now<'_>, node: u32) -> Tie {
        let Node { block, inst } = self.nodes[node as usize];
        if inst == NONE {
            return Tie::Same;
        }
        let block = &func.blocks[self.blocks[block as usize].0 as usize];
        let inst = &block.insts[inst as usize];
        let Code::V(f, _) = inst.code else { return Tie::Same };
        if f.form().shape != Shape::Fma {
            return Tie::Same;
        }
        let operands = operands_of(block, inst);
        let sources = if inst.mem.is_some() { 2 } else { 3 };
        let dies = |source: usize| !now.is_live[operands[1 + source].vreg().vreg()];
        if dies(0) {
            return Tie::Same;
        }
        (1..sources).find(|&source| dies(source)).map_or(Tie::Same, |source| Tie::Source(source as u8))
    }

    fn port(&self, func: &Func, node: u32) -> Port {
        let Node { block, inst } = self.nodes[node as usize];
        if inst == NONE {
            return Port::Any;
        }
        port_of(func.blocks[self.blocks[block as usize].0 as usize].insts[inst as usize].code)
    }

    /// Writes the blocks anew.
    fn rewrite(&self, func: &mut Func, order: &Order) {
        let mut blocks: Vec<(Vec<Inst>, Vec<Operand>)> = Vec::with_capacity(self.blocks.len());
        let (mut insts, mut operands) = (vec![], vec![]);
        for &(node, tie) in &order.nodes {
            let Node { block, inst } = self.nodes[node as usize];
            if inst == NONE {
                blocks.push((std::mem::take(&mut insts), std::mem::take(&mut operands)));
                continue;
            }
            let block = &func.blocks[self.blocks[block as usize].0 as usize];
            let mut inst = block.insts[inst as usize];
            let start = operands.len() as u32;
            operands.extend_from_slice(operands_of(block, &inst));
            if let Tie::Source(source) = tie {
                overwrite(&mut inst, &mut operands[start as usize..], usize::from(source));
            }
            inst.operands = (start, operands.len() as u32);
            insts.push(inst);
        }
        blocks.push((insts, operands));
        debug_assert_eq!(blocks.len(), self.blocks.len());
        for (id, (insts, operands)) in self.blocks.iter().zip(blocks) {
            let block = &mut func.blocks[id.0 as usize];
            (block.insts, block.operands) = (insts, operands);
        }
    }
}

const VECTORS: usize = 1;

fn class(reg: VReg) -> usize {
    match reg.class() {
        RegClass::Int => 0,
        RegClass::Float => VECTORS,
        RegClass::Vector => 2,
    }
}

fn latency_of(func: &Func, stretch: &Stretch, node: u32) -> u32 {
    let Node { block, inst } = stretch.nodes[node as usize];
    match inst {
        NONE => 0,
        inst => latency(&func.blocks[stretch.blocks[block as usize].0 as usize].insts[inst as usize]),
    }
}
