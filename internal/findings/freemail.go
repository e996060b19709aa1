// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import "strings"

// freemail are domains that give a mailbox to whoever asks for one.
var freemail = newDomains(strings.Fields(`
	gmail.com googlemail.com outlook.com outlook.de outlook.fr hotmail.com hotmail.co.uk hotmail.de hotmail.fr hotmail.it
	live.com live.de live.nl msn.com passport.com yahoo.com yahoo.co.uk yahoo.co.jp yahoo.de yahoo.fr yahoo.in yahoo.com.br
	ymail.com rocketmail.com aol.com aim.com icloud.com me.com mac.com proton.me protonmail.com protonmail.ch pm.me
	tutanota.com tutanota.de tuta.com tuta.io keemail.me gmx.de gmx.net gmx.com gmx.at gmx.ch web.de freenet.de t-online.de
	mail.com email.com mail.ru inbox.ru list.ru bk.ru internet.ru yandex.ru yandex.com ya.ru rambler.ru ukr.net i.ua
	qq.com foxmail.com 163.com 126.com yeah.net sina.com sohu.com naver.com daum.net hanmail.net nate.com rediffmail.com
	orange.fr wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it tiscali.it alice.it seznam.cz centrum.cz wp.pl
	o2.pl onet.pl interia.pl uol.com.br bol.com.br terra.com.br zoho.com zohomail.com fastmail.com fastmail.fm hushmail.com
	mailfence.com posteo.de mailbox.org disroot.org riseup.net cock.li mailinator.com guerrillamail.com yopmail.com
	10minutemail.com temp-mail.org sharklasers.com trashmail.com comcast.net verizon.net att.net sbcglobal.net cox.net
	btinternet.com shaw.ca rogers.com bigpond.com optusnet.com.au xtra.co.nz`))
