//! Snapshots of the wallet's aggregates that other services subscribe to.

use crate::{
    commands::{
        customers::CustomerRef,
        wallets::{name_of, wallet_name},
    },
    messages::{self, disputes::Around},
    store::{
        charges, disputes, lots, methods, postpaid, recharges, revocations, settings,
        top_up_refunds, top_ups, transfers, wallets,
    },
    use_cases::{
        metered::close::closed_metered_month, methods::load::collection_waits_for,
        months::save::closed_month,
    },
};
use payterms_chassis::{
    WriteTx, names,
    snapshots::{Snapshots, States},
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::{
    AutoRechargeChanged, ChargeChanged, CreditRevocationChanged, DisputeChanged,
    ExpiringCreditChanged, GrantTakenBack, MeteredUsageClosed, PaymentMethodsChanged,
    PostpaidAgreementChanged, TopUpChanged, TopUpRefundChanged, UsageMonthClosed,
    WalletSettingsChanged,
};
use payterms_wallet_domain::{LotKind, Methods, dispute::Disputed, postpaid::Agreement};
use prost::Message;
use std::collections::HashMap;

/// All snapshots.
#[must_use]
pub fn all() -> Snapshots {
    Snapshots::default()
        .with::<TopUpChanged>("top_up", top_ups_of)
        .with::<TopUpRefundChanged>("top_up_refund", refunds_of)
        .with::<ChargeChanged>("charge", charges_of)
        .with::<AutoRechargeChanged>("auto_recharge", recharges_of)
        .with::<WalletSettingsChanged>("wallet_settings", settings_of)
        .with::<MeteredUsageClosed>("metered_usage", closes_of)
        .with::<UsageMonthClosed>("usage_month", months_of)
        .with::<PaymentMethodsChanged>("payment_methods", methods_of)
        .with::<PostpaidAgreementChanged>("postpaid_agreement", agreements_of)
        .with::<CreditRevocationChanged>("credit_revocation", revocations_of)
        .with::<DisputeChanged>("dispute", disputes_of)
        .with::<ExpiringCreditChanged>("expiring_credit", expiring_of)
        .with::<GrantTakenBack>("grant_void", grant_voids_of)
}

fn top_ups_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let top_ups = top_ups::find_many(tx.conn(), tenant, &ids).await?;
        let owners: Vec<_> = top_ups.iter().map(|top_up| top_up.wallet).collect();
        let owners: HashMap<_, _> = wallets::find_many(tx.conn(), tenant, &owners)
            .await?
            .into_iter()
            .map(|wallet| (wallet.id, wallet))
            .collect();
        let mut states = Vec::with_capacity(top_ups.len());
        for top_up in &top_ups {
            let Some(wallet) = owners.get(&top_up.wallet) else { continue };
            let event = TopUpChanged {
                top_up: Some(messages::top_ups::top_up(&name_of(tenant, wallet), top_up)?),
                paid_owed: None,
                owed: None,
            };
            states.push((top_up.id.to_string(), event.encode_to_vec()));
        }
        Ok(states)
    })
}

fn refunds_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let refunds = top_up_refunds::find_many(tx.conn(), tenant, &ids).await?;
        let of: Vec<_> = refunds.iter().map(|refund| refund.top_up).collect();
        let top_ups: HashMap<_, _> = top_ups::find_many(tx.conn(), tenant, &of)
            .await?
            .into_iter()
            .map(|top_up| (top_up.id, top_up))
            .collect();
        let owners: Vec<_> = refunds.iter().map(|refund| refund.wallet).collect();
        let owners: HashMap<_, _> = wallets::find_many(tx.conn(), tenant, &owners)
            .await?
            .into_iter()
            .map(|wallet| (wallet.id, wallet))
            .collect();
        let mut states = Vec::with_capacity(refunds.len());
        for refund in &refunds {
            let (Some(wallet), Some(top_up)) =
                (owners.get(&refund.wallet), top_ups.get(&refund.top_up))
            else {
                continue;
            };
            let name = name_of(tenant, wallet);
            let event = TopUpRefundChanged {
                top_up_refund: Some(messages::top_up_refunds::top_up_refund(&name, refund)?),
                top_up: Some(messages::top_ups::top_up(&name, top_up)?),
            };
            states.push((refund.id.to_string(), event.encode_to_vec()));
        }
        Ok(states)
    })
}

fn revocations_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = revocations::find_many(tx.conn(), tenant, &ids).await?;
        let owners: Vec<_> = found.iter().map(|revocation| revocation.wallet).collect();
        let owners = wallets::owners(tx.conn(), tenant, &owners).await?;
        let state = |each: &payterms_wallet_domain::Revocation| {
            let name = wallet_name(tenant, *owners.get(&each.wallet)?, each.wallet);
            let event = CreditRevocationChanged {
                revocation: Some(messages::revocations::revocation(&name, each)),
                decided: false,
                paid_owed: None,
                recharge_stopped: false,
            };
            Some((each.id.to_string(), event.encode_to_vec()))
        };
        Ok(found.iter().filter_map(state).collect())
    })
}

/// Credit that expires, of which nobody is told again.
fn expiring_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let (tenant, now, zone) = (&tx.call().tenant, tx.now(), tx.time().zone);
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).collect();
        let mut live = lots::live_of(tx.conn(), tenant, &ids).await?;
        let owners = wallets::owners(
            tx.conn(),
            tenant,
            &ids.iter().map(|id| Id::from_uuid(*id)).collect::<Vec<_>>(),
        )
        .await?;
        let mut states = Vec::with_capacity(owners.len());
        for (wallet, customer) in owners {
            let mut lots = live.remove(&wallet.uuid()).unwrap_or_default();
            lots.retain(|lot| {
                lot.kind == LotKind::Purchased && lot.expires_at.is_some() && lot.in_force(now)
            });
            lots.sort_by_key(|lot| (lot.expires_at, lot.sequence));
            let event = messages::lots::expiring_credit_changed(
                &wallet_name(tenant, customer, wallet),
                lots.iter(),
                zone,
                false,
            );
            states.push((wallet.to_string(), event.encode_to_vec()));
        }
        Ok(states)
    })
}

fn grant_voids_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).collect();
        let voided = transfers::voided_of(tx.conn(), tenant, &ids).await?;
        let wallets: Vec<_> = voided.iter().map(|voided| voided.wallet).collect();
        let owners = wallets::owners(tx.conn(), tenant, &wallets).await?;
        let state = |voided: &transfers::Voided| {
            let wallet = wallet_name(tenant, *owners.get(&voided.wallet)?, voided.wallet);
            let event =
                messages::lots::grant_taken_back(&wallet, voided.lot, voided.amount, voided.at);
            Some((voided.lot.to_string(), event.encode_to_vec()))
        };
        Ok(voided.iter().filter_map(state).collect())
    })
}

fn charges_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let charges = charges::find_many(tx.conn(), tenant, &ids).await?;
        let owners: Vec<_> = charges.iter().map(|charge| charge.wallet).collect();
        let owners: HashMap<_, _> = wallets::find_many(tx.conn(), tenant, &owners)
            .await?
            .into_iter()
            .map(|wallet| (wallet.id, wallet.customer))
            .collect();
        let state = |charge: &payterms_wallet_domain::Charge| {
            let customer =
                CustomerRef { tenant: tenant.clone(), customer: *owners.get(&charge.wallet)? };
            let event =
                ChargeChanged { charge: Some(messages::charges::charge(&customer, charge)) };
            Some((charge.id.to_string(), event.encode_to_vec()))
        };
        Ok(charges.iter().filter_map(state).collect())
    })
}

fn recharges_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let owners = wallets::find_many(tx.conn(), tenant, &ids).await?;
        let rules = recharges::of(tx.conn(), tenant, &ids).await?;
        let state = |wallet: &payterms_wallet_domain::Wallet| {
            let rendered = messages::recharges::auto_recharge(
                &name_of(tenant, wallet),
                rules.get(&wallet.id)?,
                None,
                tx.now(),
            );
            Some((
                wallet.id.to_string(),
                AutoRechargeChanged { auto_recharge: Some(rendered), ..Default::default() }
                    .encode_to_vec(),
            ))
        };
        Ok(owners.iter().filter_map(state).collect())
    })
}

fn methods_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let saved = methods::of_customers(tx.conn(), tenant, &ids).await?;
        let mut states = Vec::with_capacity(saved.len());
        for (customer, methods) in &saved {
            let named = CustomerRef { tenant: tenant.clone(), customer: *customer };
            let waits_for = collection_waits_for(tx.conn(), &named, methods, tx.today()).await?;
            let event =
                messages::methods::payment_methods_changed(&named, methods, false, waits_for);
            states.push((customer.to_string(), event.encode_to_vec()));
        }
        Ok(states)
    })
}

fn settings_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        if !ids.iter().any(|id| id == tenant.as_str()) {
            return Ok(Vec::new());
        }
        let settings = settings::find(tx.conn(), tenant).await?;
        let rendered = messages::settings::wallet_settings(tenant, &settings);
        let event =
            WalletSettingsChanged { wallet_settings: Some(rendered), turned_off_by: String::new() };
        Ok(vec![(tenant.to_string(), event.encode_to_vec())])
    })
}

/// Closed months of metered services. Invoicing bills each once, however often it is published.
fn closes_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let mut states = Vec::new();
        for id in ids {
            states.extend(
                closed_metered_month(tx, id)
                    .await?
                    .map(|event| (id.clone(), event.encode_to_vec())),
            );
        }
        Ok(states)
    })
}

/// Closed months of wallets. Invoicing bills each once, however often it is published.
fn months_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let mut states = Vec::new();
        for id in ids {
            let Some(closing) = names::uuid(id) else { continue };
            states.extend(
                closed_month(tx, closing).await?.map(|event| (id.clone(), event.encode_to_vec())),
            );
        }
        Ok(states)
    })
}

fn agreements_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = postpaid::find_many(tx.conn(), tenant, &ids).await?;
        let owners: Vec<_> = found.iter().map(|agreement| agreement.wallet).collect();
        let owners: HashMap<_, _> = wallets::find_many(tx.conn(), tenant, &owners)
            .await?
            .into_iter()
            .map(|wallet| (wallet.id, wallet))
            .collect();
        let state = |agreement: &Agreement| {
            let rendered = messages::postpaid::postpaid_agreement(
                &name_of(tenant, owners.get(&agreement.wallet)?),
                agreement,
            );
            let event =
                PostpaidAgreementChanged { postpaid_agreement: Some(rendered), decided: false };
            Some((agreement.id.to_string(), event.encode_to_vec()))
        };
        Ok(found.iter().filter_map(state).collect())
    })
}

fn disputes_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = disputes::find_many(tx.conn(), tenant, &ids).await?;
        let customers: Vec<_> = found.iter().map(|dispute| dispute.customer).collect();
        let saved: HashMap<_, _> =
            methods::of_customers(tx.conn(), tenant, &customers).await?.into_iter().collect();
        let of = |dispute: &payterms_wallet_domain::Dispute| {
            if let Disputed::TopUp(id) = dispute.disputed { Some(id) } else { None }
        };
        let bought: Vec<_> = found.iter().filter_map(of).collect();
        let bought: HashMap<_, _> = top_ups::find_many(tx.conn(), tenant, &bought)
            .await?
            .into_iter()
            .map(|top_up| (top_up.id, top_up))
            .collect();
        let ids: Vec<_> = found.iter().map(|dispute| dispute.wallet).collect();
        let owed: HashMap<_, _> = wallets::find_many(tx.conn(), tenant, &ids)
            .await?
            .into_iter()
            .map(|wallet| (wallet.id, wallet.owed))
            .collect();
        let rules = recharges::of(tx.conn(), tenant, &ids).await?;
        let mut states = Vec::with_capacity(found.len());
        for dispute in &found {
            let wallet = wallet_name(tenant, dispute.customer, dispute.wallet);
            let top_up = of(dispute)
                .and_then(|id| bought.get(&id))
                .map(|top_up| messages::top_ups::top_up(&wallet, top_up))
                .transpose()?;
            let none = Methods::default();
            let saved = saved.get(&dispute.customer).unwrap_or(&none);
            let charged = dispute.method.and_then(|id| saved.get(id));
            let around = Around {
                top_up,
                charged,
                methods: saved,
                owed: owed.get(&dispute.wallet).copied(),
                paid_owed: None,
                paused_until: rules
                    .get(&dispute.wallet)
                    .and_then(|rules| rules.pause_after(tx.now())),
            };
            let event = messages::disputes::dispute_changed(tenant, dispute, around);
            states.push((dispute.id.to_string(), event.encode_to_vec()));
        }
        Ok(states)
    })
}
